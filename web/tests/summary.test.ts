import { describe, expect, test } from 'vitest'
import { merged, withEntry } from '../src/lib/summary'
import { chat, ME, message } from './entries'

describe('an entry and the line in the list', () => {
  test('the next message of someone else is unread', () => {
    expect(withEntry(chat(), message(11), ME)).toMatchObject({ seq: 11, unread: 3, last_entry: { seq: 11 } })
  })

  test('an own message and a system line are not unread', () => {
    expect(withEntry(chat(), message(11, { sender_id: ME }), ME)?.unread).toBe(2)
    expect(withEntry(chat(), message(11, { kind: 'joined', user_ids: ['vera'] }), ME)).toMatchObject({
      unread: 2,
      members_count: 4,
    })
    // Where a group hides its members, their number says how many there are.
    const nameless = message(11, { kind: 'joined', sender_id: 'chat', user_ids: [], people_count: 3 })
    expect(withEntry(chat(), nameless, ME)?.members_count).toBe(6)
  })

  test('an entry that is known already changes nothing', () => {
    const line = chat()
    expect(withEntry(line, message(10), ME)).toBe(line)
  })

  test('an entry behind a gap asks for the whole line', () => {
    expect(withEntry(chat(), message(12), ME)).toBeUndefined()
  })

  test('an unknown kind counts its seq and shows nothing', () => {
    const unknown = { ...message(11), kind: 'pinned' as never }
    expect(withEntry(chat(), unknown, ME)).toMatchObject({ seq: 11, unread: 2, last_entry: { seq: 10 } })
  })
})

describe('an answer that was overtaken', () => {
  test('does not take back entries', () => {
    const known = chat({ seq: 12, unread: 4, last_entry: message(12) })
    expect(merged(known, chat())).toMatchObject({ seq: 12, unread: 4, last_entry: { seq: 12 } })
  })

  test('does not take back read marks', () => {
    const known = chat({ read_seq: 10, unread: 0, others_read_seq: 9 })
    expect(merged(known, chat())).toMatchObject({ read_seq: 10, unread: 0, others_read_seq: 9 })
  })

  test('a newer answer is taken as it is', () => {
    expect(merged(chat(), chat({ seq: 20, unread: 9 }))).toMatchObject({ seq: 20, unread: 9 })
  })
})

test('what is done with the newest message changes its line in the list and counts as nothing new', () => {
  const state = { ...message(10, { text: 'новое', version: 11 }), type: 'entry' as const }
  const entry = message(11, { kind: 'edited', target: 10, message: state })
  const after = withEntry(chat({ unread: 2 }), entry, ME)!
  expect([after.seq, after.unread, after.last_entry?.text]).toEqual([11, 2, 'новое'])
})
