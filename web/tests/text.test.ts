import { describe, expect, test } from 'vitest'
import { colourById, initials, pieces } from '../src/lib/text'

const links = (text: string) => pieces(text).flatMap(({ href }) => href ?? [])

describe('web addresses', () => {
  test('only http and https become links', () => {
    expect(links('https://ozero.club и http://a.b, но не javascript:alert(1) и не ftp://x')).toEqual([
      'https://ozero.club',
      'http://a.b',
    ])
  })

  test('the punctuation of the sentence stays outside', () => {
    expect(links('Смотрите (https://ozero.club/a?b=1). «https://ozero.club/я»!')).toEqual([
      'https://ozero.club/a?b=1',
      'https://ozero.club/я',
    ])
    expect(links('https://ru.wikipedia.org/wiki/Озеро_(водоём)')).toEqual([
      'https://ru.wikipedia.org/wiki/Озеро_(водоём)',
    ])
  })

  test('the pieces together are the text', () => {
    const text = 'a https://b.c/d, e\nhttps://f.g <script>alert(1)</script>'
    expect(
      pieces(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe(text)
  })
})

test('initials are letters or digits, whatever a name begins with', () => {
  expect(initials('Марина Соколова')).toBe('МС')
  expect(initials('Команда «Причал»')).toBe('КП')
  expect(initials('😀')).toBe('?')
  expect(initials('мама')).toBe('М')
})

test('a colour belongs to an id', () => {
  expect(colourById('01k9')).toBe(colourById('01k9'))
  expect(colourById('01k9')).toBeGreaterThanOrEqual(1)
  expect(colourById('01k9')).toBeLessThanOrEqual(8)
})
