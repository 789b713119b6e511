import { expect, test } from 'vitest'
import { before, isMuted, isSilent, isUnread } from '../src/lib/order'
import { chat } from './entries'

test('pinned chats come first, the last pinned on top, then what happened last', () => {
  const chats = [
    chat({ id: 'old', created_at: '2026-01-01T00:00:00Z', last_entry: null }),
    chat({ id: 'new', created_at: '2026-02-01T00:00:00Z', last_entry: null }),
    chat({ id: 'pinned', pinned_at: '2026-01-01T00:00:00Z', last_entry: null }),
    chat({ id: 'pinned later', pinned_at: '2026-01-02T00:00:00Z', last_entry: null }),
  ]

  expect(chats.sort(before).map(({ id }) => id)).toEqual(['pinned later', 'pinned', 'new', 'old'])
})

test('a mute ends with its time', () => {
  const muted = chat({ muted_until: '2026-01-01T08:00:00Z' })

  expect(isMuted(muted, Date.parse('2026-01-01T07:59:59Z'))).toBe(true)
  expect(isMuted(muted, Date.parse('2026-01-01T08:00:00Z'))).toBe(false)
  expect(isMuted(chat())).toBe(false)
  expect([isSilent(muted), isSilent(chat()), isSilent(chat({ notify: 'none' }))]).toEqual([
    false,
    false,
    true,
  ])
})

test('a chat that is marked is unread without a new message', () => {
  expect(
    [chat({ unread: 0 }), chat({ unread: 0, marked_unread: true }), chat({ unread: 2 })].map(isUnread),
  ).toEqual([false, true, true])
})
