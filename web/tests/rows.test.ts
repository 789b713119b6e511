import { expect, test } from 'vitest'
import { buildRows } from '../src/lib/rows'
import type { Unsent } from '../src/lib/types'
import { ME, message, messages } from './entries'

const unsent = (ref: string): Unsent => ({
  chat_id: 'lake',
  ref,
  text: 'Привет',
  at: '2026-11-23T10:00:00Z',
  state: 'pending',
  refusals: 0,
})

const rowsOf = (entries = messages(1, 3), waiting: Unsent[] = [], unreadAfter = 0) =>
  buildRows({ entries, unsent: waiting, me: ME, unreadAfter })

test('there is one row per entry and per unsent message, unsent ones last', () => {
  expect(rowsOf(messages(1, 3), [unsent('a1')]).map(({ key }) => key)).toEqual([
    'seq:1',
    'seq:2',
    'seq:3',
    'ref:a1',
  ])
})

test('a bubble keeps its key when its entry arrives', () => {
  const before = rowsOf(messages(1, 2), [unsent('a1')]).at(-1)!
  const after = rowsOf([...messages(1, 2), message(3, { sender_id: ME, ref: 'a1' })]).at(-1)!
  expect(after.key).toBe(before.key)
})

test('a message whose entry is here is not shown twice while it still waits in the outbox', () => {
  const rows = rowsOf([message(1, { sender_id: ME, ref: 'a1' })], [unsent('a1'), unsent('a2')])
  expect(rows.map(({ key }) => key)).toEqual(['ref:a1', 'ref:a2'])
})

test("someone else's equal ref is a different message", () => {
  expect(rowsOf([message(1, { ref: 'a1' })], [unsent('a1')])).toHaveLength(2)
})

test('the first row of each day carries its pill', () => {
  const entries = [
    message(1, { at: '2026-11-21T12:00:00Z' }),
    message(2, { at: '2026-11-21T12:01:00Z' }),
    message(3, { at: '2026-11-23T12:00:00Z' }),
  ]
  expect(rowsOf(entries).map(({ newDay }) => newDay)).toEqual([true, false, true])
})

test('the divider stands before the first unread message of someone else', () => {
  const entries = [
    message(1),
    message(2, { sender_id: ME }),
    message(3, { kind: 'joined' }),
    message(4),
    message(5),
  ]
  expect(rowsOf(entries, [], 1).findIndex(({ firstUnread }) => firstUnread)).toBe(3)
})

test('without the entry before it nothing is called the first unread message', () => {
  expect(rowsOf(messages(50, 60), [], 10).some(({ firstUnread }) => firstUnread)).toBe(false)
})

test('a run ends with its author, with its day and after a long pause', () => {
  const entries = [
    message(1),
    message(2),
    message(3, { sender_id: 'vera' }),
    message(4, { sender_id: 'vera', at: '2026-11-23T09:40:00Z' }),
  ]
  expect(rowsOf(entries).map(({ startsRun }) => startsRun)).toEqual([true, false, true, true])
})

test('what one has deleted for oneself keeps an empty row, and the next one begins what it would have begun', () => {
  const rows = rowsOf([message(1, { hidden: true }), message(2), message(3, { hidden: true }), message(4)])
  expect(rows.map(({ gone }) => gone)).toEqual([true, false, true, false])
  expect(rows.map(({ newDay }) => newDay)).toEqual([false, true, false, false])
  expect(rows[3]!.startsRun).toBe(rowsOf([message(2), message(4)])[1]!.startsRun)
})

test('actions on messages have no row', () => {
  const entries = [
    message(1),
    message(2, { kind: 'reacted' }),
    message(3, { kind: 'edited' }),
    message(4, { kind: 'pinned' }),
    message(5, { deleted: true }),
  ]
  expect(rowsOf(entries).map(({ key }) => key)).toEqual(['seq:1', 'seq:4', 'seq:5'])
})

test('where the window begins beyond the read mark no message is taken for the first unread one', () => {
  const firstUnread = (entries = messages(5, 9), unreadAfter?: number, fromBeginning = false) =>
    buildRows({ entries, unsent: [], me: ME, unreadAfter, fromBeginning }).find((row) => row.firstUnread)
      ?.entry?.seq

  expect(firstUnread(messages(5, 9), 3)).toBeUndefined()
  expect(firstUnread(messages(5, 9), 4)).toBe(5)
  expect(firstUnread(messages(5, 9), 3, true), 'of a topic there is nothing older').toBe(5)
  expect(firstUnread(messages(1, 9), 0), 'nothing at all was read').toBe(1)
  expect(firstUnread(messages(1, 9))).toBeUndefined()
})
