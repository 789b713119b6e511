import { describe, expect, test } from 'vitest'
import { append, countUnread, dropFarther, firstSeq, lastSeq, prepend } from '../src/lib/log'
import type { Entry } from '../src/lib/types'
import { ME, message, messages } from './entries'

const seqs = (window: readonly { seq: number }[]) => window.map(({ seq }) => seq)

describe('append', () => {
  test('takes the entries that continue the window', () => {
    expect(seqs(append(messages(1, 3), messages(4, 6)))).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('ignores entries that are known already', () => {
    const window = messages(1, 5)
    expect(append(window, messages(2, 5))).toBe(window)
    expect(seqs(append(window, messages(4, 7)))).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test('takes nothing from behind a gap', () => {
    const window = messages(1, 3)
    expect(append(window, [message(5), message(6)])).toBe(window)
    expect(seqs(append(window, [message(4), message(6)]))).toEqual([1, 2, 3, 4])
  })

  test('puts a jumbled batch in order, each entry once', () => {
    const jumbled = [message(6), message(4), message(5), message(4), message(6)]
    expect(seqs(append(messages(1, 3), jumbled))).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('closes a gap of five hundred from pages of two hundred while live entries keep arriving', () => {
    let window: readonly ReturnType<typeof message>[] = messages(1, 20)
    const log = messages(1, 530)
    let newest = 520
    while (lastSeq(window) < newest) {
      window = append(window, [message(newest)])
      const have = lastSeq(window)
      window = append(window, log.slice(have, have + 200))
      if (newest < 530) newest += 5
    }
    expect(seqs(window)).toEqual(seqs(log))
  })

  test('fills an empty window from the beginning', () => {
    expect(seqs(append([], messages(1, 2)))).toEqual([1, 2])
  })
})

describe('prepend', () => {
  test('takes the history right before the window', () => {
    expect(seqs(prepend(messages(5, 6), messages(2, 4)))).toEqual([2, 3, 4, 5, 6])
  })

  test('ignores overlap and what lies behind a gap', () => {
    expect(seqs(prepend(messages(5, 6), messages(3, 5)))).toEqual([3, 4, 5, 6])
    const window = messages(5, 6)
    expect(prepend(window, messages(1, 3))).toBe(window)
  })
})

describe('a window that is too long', () => {
  const ends = (kept: readonly Entry[]) => [firstSeq(kept), lastSeq(kept)]

  test('is cut at the end that is farther from the reader', () => {
    expect(ends(dropFarther(messages(1, 10), 10, 4))).toEqual([7, 10])
    expect(ends(dropFarther(messages(1, 10), Infinity, 4))).toEqual([7, 10])
    expect(ends(dropFarther(messages(1, 10), 1, 4))).toEqual([1, 4])
    expect(ends(dropFarther(messages(1, 10), 0, 4))).toEqual([1, 4])
    expect(ends(dropFarther(messages(1, 4), 1, 4))).toEqual([1, 4])
  })

  test('keeps what is around the reader, and is cut at its other end next', () => {
    const once = dropFarther(messages(1, 100), 45, 10)
    expect(ends(once)).toEqual([1, 50])
    expect(ends(dropFarther(once, 45, 10))).toEqual([41, 50])
    expect(ends(dropFarther(messages(1, 100), 60, 10))).toEqual([56, 100])
  })
})

test('only messages of others after the mark are unread', () => {
  const window = [message(1), message(2, { sender_id: ME }), message(3, { kind: 'joined' }), message(4)]
  expect(countUnread(window, 0, ME)).toBe(2)
  expect(countUnread(window, 1, ME)).toBe(1)
})
