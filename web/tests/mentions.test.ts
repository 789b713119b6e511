import { describe, expect, it } from 'vitest'
import {
  begunMention,
  KNOWN_MAX,
  namedSo,
  unreadOf,
  withMentions,
  withoutMentions,
  written,
} from '../src/lib/mentions'
import type { Person } from '../src/lib/types'

function person(id: string, username: string, display_name: string): Person {
  return { id, username, display_name, avatar_colour: null, kind: 'person', avatar: null } as Person
}

const anna = person('a', 'anna', 'Анна Орлова')
const boris = person('b', 'boris.k', 'Борис Котов')
const orest = person('o', 'orest', 'Орест')

describe('what is being typed after an @', () => {
  it('begins at the start, after a space or a bracket, in any letters', () => {
    expect(begunMention('@', 1)).toEqual({ start: 0, name: '' })
    expect(begunMention('Привет, @Ан', 11)).toEqual({ start: 8, name: 'ан' })
    expect(begunMention('(@boris.k', 9)).toEqual({ start: 1, name: 'boris.k' })
  })

  it('looks at what stands before the caret alone', () => {
    expect(begunMention('@an и ещё', 3)).toEqual({ start: 0, name: 'an' })
    expect(begunMention('@an и ещё', 9)).toBeUndefined()
  })

  it('is none within an address or a word, nor after another sign', () => {
    for (const text of ['mail@ex', 'почта@ex', 'a_@ex', '@@ex', '@ ', '@-x', ''])
      expect(begunMention(text, text.length), text).toBeUndefined()
  })
})

describe('who is offered', () => {
  it('is who is called so by username or by any word of the name, once, in the order that is given', () => {
    expect(namedSo([orest, anna, boris, anna], 'ор', 'x')).toEqual([orest, anna])
    expect(namedSo([anna, boris], 'boris.', 'x')).toEqual([boris])
    expect(namedSo([anna, boris], '', 'x')).toEqual([anna, boris])
  })

  it('is never oneself', () => {
    expect(namedSo([anna, boris], '', 'a')).toEqual([boris])
  })
})

describe('the text after a choice', () => {
  it('has the name in the place of what was typed, and one space after it', () => {
    expect(written('Привет, @Ан', 11, { start: 8, name: 'ан' }, 'anna')).toEqual({
      text: 'Привет, @anna ',
      caret: 14,
    })
    expect(written('@an и ещё', 3, { start: 0, name: 'an' }, 'anna')).toEqual({
      text: '@anna и ещё',
      caret: 6,
    })
  })
})

describe('unread mentions', () => {
  it('are those after the mark, in order, each once', () => {
    expect(withMentions([5], [9, 7, 5, 3], 4)).toEqual([5, 7, 9])
    expect(unreadOf([5, 7, 9], 7)).toEqual([9])
    expect(unreadOf(undefined, 7)).toEqual([])
    expect(withoutMentions([5, 7, 9], [7, 8])).toEqual([5, 9])
  })

  it('are known up to a bound, the first ones', () => {
    const many = Array.from({ length: KNOWN_MAX }, (_, index) => index + 1)
    expect(withMentions(many, [500], 0)).toEqual(many)
    expect(withMentions(many.slice(1), [500, 501], 0)).toEqual([...many.slice(1), 500])
  })
})
