import { describe, expect, test } from 'vitest'
import { fit, otherLayout, plain, romanised } from '../src/lib/fuzzy'

describe('the other keyboard layout', () => {
  test('«фтт» is "ann" and "ghbdtn" is «привет»', () => {
    expect(otherLayout('фтт')).toBe('ann')
    expect(otherLayout('ghbdtn')).toBe('привет')
    expect(otherLayout('Фтт 7')).toBe('ann 7')
  })

  test('twice is what it was', () => {
    const keys = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
    expect(otherLayout(otherLayout(keys))).toBe(keys)
  })
})

test('case, ё and accents make no difference, but й is not и', () => {
  expect(plain('  Алёна   Зуева ')).toBe('алена зуева')
  expect(plain('René')).toBe('rene')
  expect(plain('Сергей')).toBe('сергей')
})

test('Russian names are found in Latin letters', () => {
  expect(romanised('женя щукина')).toBe('zhenya shchukina')
  expect(fit('zhen', 'Женя Щукина')).toBeGreaterThan(0)
  expect(fit('анна', 'Anna Weber')).toBeGreaterThan(0)
})

describe('how well words answer', () => {
  test.each([
    ['ann', 'Anna Weber'],
    ['фтт', 'Anna Weber'],
    ['fyyf', 'Анна Ветрова'],
    ['фтт', 'Анна Ветрова'],
    ['вет', 'Анна Ветрова'],
    ['анвет', 'Анна Ветрова'],
    ['ав', 'Анна Ветрова'],
    ['алена', 'Алёна'],
    [',jhbc', 'Борис Лунин'],
  ])('%s finds %s', (typed, words) => expect(fit(typed, words)).toBeGreaterThan(0))

  test.each([
    ['xyz', 'Anna Weber'],
    ['вза', 'Анна Ветрова'],
    ['нна', 'Борис Лунин'],
    ['бл', 'Анна Ветрова'],
  ])('%s does not find %s', (typed, words) => expect(fit(typed, words)).toBe(0))

  test('the beginning comes before a later word, that before the middle, that before scattered letters', () => {
    const fits = ['вера', 'анна вера', 'анавера', 'в е р а'].map((words) => fit('вера', words))
    expect(fits).toEqual([...fits].sort((a, b) => b - a))
    expect(new Set(fits).size).toBe(4)
  })

  test('what was typed as it stands comes before the other layout', () => {
    expect(fit('ann', 'Anna')).toBeGreaterThan(fit('фтт', 'Anna'))
  })

  test('any of several names may answer, and nothing typed fits all alike', () => {
    expect(fit('anna_v', 'Ветрова', 'anna_v')).toBeGreaterThan(0)
    expect(fit('  ', 'Анна')).toBe(fit('', 'Борис'))
  })

  test('signs of patterns are letters like any other', () => {
    expect(fit('(', 'Анна (работа)')).toBeGreaterThan(0)
    expect(fit('.*', 'Анна')).toBe(0)
  })
})
