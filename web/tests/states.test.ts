import { describe, expect, test } from 'vitest'
import { renewed, withActions, withoutContent, withReaction, withState } from '../src/lib/states'
import type { Entry } from '../src/lib/types'
import { ME, message, messages } from './entries'

const live = { me: ME, personal: false }
const answer = { me: ME, personal: true }

function action(seq: number, kind: Entry['kind'], state: Entry, fields: Partial<Entry> = {}): Entry {
  return {
    chat_id: 'lake',
    seq,
    kind,
    sender_id: 'boris',
    at: '2026-11-23T10:00:00Z',
    target: state.seq,
    message: { ...state, type: 'entry', version: seq } as NonNullable<Entry['message']>,
    ...fields,
  }
}

const said = (window: readonly Entry[], seq: number) => window[seq - window[0]!.seq]!

test('a message takes on what was done to it, wherever it stands in the window', () => {
  const window = withActions(messages(5, 8), [action(9, 'edited', message(6, { text: 'новое' }))], live)
  expect(said(window, 6).text).toBe('новое')
  expect(said(window, 7).text).toBe('7')
})

test('in whatever order actions are heard, the newest state counts', () => {
  const heard = [
    action(9, 'edited', message(6, { text: 'раз' })),
    action(10, 'edited', message(6, { text: 'два' })),
    action(11, 'deleted', message(6, { text: '', deleted: true })),
  ]
  for (const order of [heard, [...heard].reverse(), [heard[1]!, heard[2]!, heard[0]!]]) {
    const window = order.reduce<readonly Entry[]>((so, one) => withActions(so, [one], live), messages(5, 8))
    expect([said(window, 6).deleted, said(window, 6).text]).toEqual([true, ''])
  }
})

test('what concerns no message of the window changes nothing', () => {
  const window = messages(5, 8)
  expect(withActions(window, [action(9, 'edited', message(2, { text: 'x' }))], live)).toBe(window)
  expect(withActions(window, messages(9, 10), live)).toBe(window)
})

test('a quote goes with the message that it is from', () => {
  const window = [
    message(5),
    message(6, { reply_to: 5, quote: '5' }),
    message(7, { reply_to: 6, quote: '6' }),
  ]
  const after = withActions(window, [action(8, 'deleted', message(5, { text: '', deleted: true }))], live)
  expect(after.map(({ quote }) => quote)).toEqual([undefined, '', '6'])
})

describe('one’s own reactions', () => {
  const liked = (count: number, mine?: boolean) =>
    message(6, { reactions: [{ emoji: '👍', count, ...(mine === undefined ? {} : { mine }) }] })

  test('stay marked when others react', () => {
    const window = withActions([liked(1, true)], [action(9, 'reacted', liked(2), { emoji: '👍' })], live)
    expect(window[0]!.reactions).toEqual([{ emoji: '👍', count: 2, mine: true }])
  })

  test('are marked when they come from another device, and taken back from there', () => {
    const mine = { sender_id: ME, emoji: '👍' }
    const window = withActions([message(6)], [action(9, 'reacted', liked(1), mine)], live)
    expect(window[0]!.reactions).toEqual([{ emoji: '👍', count: 1, mine: true }])
    const back = withActions(window, [action(10, 'unreacted', liked(3), mine)], live)
    expect(back[0]!.reactions).toEqual([{ emoji: '👍', count: 3, mine: false }])
  })

  test('are as the server says in an answer to oneself', () => {
    expect(withState(liked(1, true), liked(1, false), answer).reactions![0]!.mine).toBe(false)
  })

  test('show at once, and are gone at once', () => {
    const once = withReaction(message(6), '👍', true)
    expect(once.reactions).toEqual([{ emoji: '👍', count: 1, mine: true }])
    expect(withReaction(once, '👍', true)).toBe(once)
    expect(withReaction(once, '👍', false).reactions).toEqual([])
  })
})

test('what one has deleted for oneself does not come back with the next action', () => {
  const hidden = withoutContent(message(6))
  const window = withActions([hidden], [action(9, 'edited', message(6, { text: 'новое' }))], live)
  expect(window[0]).toBe(hidden)
})

test('what is no more on a page that covers it keeps its place without content; the rest of the window stays', () => {
  const window = messages(1, 9)
  const page = [message(3), message(5, { text: 'изменено' }), message(6), message(10)]

  const next = renewed(window, page, 3, 6)

  expect(next.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(next.filter(({ hidden }) => hidden).map(({ seq, text }) => [seq, text])).toEqual([[4, undefined]])
  expect(next[4]?.text).toBe('изменено')
  expect(renewed(window, page, 3).map(({ seq, hidden }) => (hidden ? 0 : seq))).toEqual([
    1, 2, 3, 0, 5, 6, 0, 0, 0, 10,
  ])
})
