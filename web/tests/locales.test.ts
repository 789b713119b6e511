import { IntlMessageFormat } from 'intl-messageformat'
import { describe, expect, test } from 'vitest'
import en from '../src/locales/en.json'
import ru from '../src/locales/ru.json'

const catalogues = { ru, en } as const

test('both languages have the same texts', () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(ru).sort())
})

describe.each(Object.entries(catalogues))('%s', (locale, catalogue) => {
  test('every text can be said', () => {
    const values = { n: 3, name: 'Лена', title: 'Причал', people: 'Лена', host: 'ozero.club' }
    for (const [key, text] of Object.entries(catalogue)) {
      const said = String(new IntlMessageFormat(text, locale, undefined, { ignoreTag: true }).format(values))
      expect(said, key).not.toMatch(/[{}]|undefined/)
    }
  })
})

test.each([
  [1, '1 участник'],
  [2, '2 участника'],
  [5, '5 участников'],
  [21, '21 участник'],
])('Russian plural of %i', (n, words) => {
  expect(new IntlMessageFormat(ru['chat.members'], 'ru').format({ n })).toBe(words)
})
