import { describe, expect, it, test } from 'vitest'
import { isRead, isTold, mentions, shownText, type Wanted } from '../src/lib/telling'
import type { Chat, Entry, NotificationSettings } from '../src/lib/types'

const NOW = new Date('2026-11-26T12:00:00Z')
const SETTINGS: NotificationSettings = {
  preview: true,
  mentions_only: false,
  quiet_from: 0,
  quiet_until: 0,
  time_zone: 'UTC',
  quiet_days: [],
}

function message(more: Partial<Entry> = {}): Entry {
  return {
    chat_id: 'c',
    seq: 5,
    kind: 'message',
    sender_id: 'boris',
    at: '',
    text: 'Привет',
    ...more,
  } as Entry
}

function told(entry: Entry, chat: Partial<Chat>, wanted: Partial<Wanted> = {}): boolean {
  const known = { kind: 'group', members_count: 3, read_seq: 4, muted_until: null, ...chat } as Chat
  const all = { notify: 'all', settings: SETTINGS, addressed: false, topicMuted: false, ...wanted } as Wanted
  return isTold(entry, known, 'anna', all, NOW)
}

describe('what an open client tells of', () => {
  it('is what others write, and what one had written to oneself for later', () => {
    expect(told(message(), {})).toBe(true)
    expect(told(message({ sender_id: 'anna' }), {})).toBe(false)
    expect(told(message({ sender_id: 'anna', reminder: { chat_id: 'c', seq: 1 } }), {})).toBe(true)
    expect(told(message({ kind: 'joined' }), {})).toBe(false)
  })

  it('is nothing that was read, deleted or silenced', () => {
    expect(told(message(), { read_seq: 5 })).toBe(false)
    expect(told(message({ deleted: true }), {})).toBe(false)
    expect(told(message(), { muted_until: '2026-11-26T12:00:01Z' })).toBe(false)
    expect(told(message(), { muted_until: '2026-11-26T11:59:59Z' })).toBe(true)
    expect(told(message(), {}, { topicMuted: true })).toBe(false)
    expect(told(message(), {}, { notify: 'none', addressed: true })).toBe(false)
    const quiet = { ...SETTINGS, quiet_from: 11 * 60, quiet_until: 13 * 60, quiet_days: ['th' as const] }
    expect(told(message(), {}, { settings: quiet, addressed: true })).toBe(false)
  })

  it('is what is said to oneself alone where one wants no more, and in large groups', () => {
    const onlyMentions = { ...SETTINGS, mentions_only: true }
    for (const [chat, wanted] of [
      [{}, { notify: 'mentions' }],
      [{}, { settings: onlyMentions }],
      [{ members_count: 201 }, {}],
    ] as [Partial<Chat>, Partial<Wanted>][]) {
      expect(told(message(), chat, wanted)).toBe(false)
      expect(told(message(), chat, { ...wanted, addressed: true })).toBe(true)
    }
    expect(told(message(), { kind: 'direct' }, { settings: onlyMentions })).toBe(true)
    expect(told(message(), { kind: 'channel', members_count: 5000 }, {})).toBe(true)
  })

  it('knows whom a message mentions', () => {
    const entities = [{ kind: 'mention' as const, offset: 0, length: 5, user_id: 'anna' }]
    expect(mentions(message({ entities }), 'anna')).toBe(true)
    expect(mentions(message({ entities }), 'boris')).toBe(false)
  })
})

describe('its text', () => {
  it('is one line that is not too long', () => {
    expect(shownText(' Раз\n  два ')).toBe('Раз два')
    expect(shownText('я'.repeat(300))).toBe(`${'я'.repeat(199)}…`)
  })
})

test('what was read in a topic takes away what is told of it, and of no other', () => {
  const shown = { chat_id: 'c', seq: 5, topic_id: 2 }

  expect([isRead(shown, 'c', 5, 2), isRead(shown, 'c', 4, 2), isRead(shown, 'c', 9, 0)]).toEqual([
    true,
    false,
    false,
  ])
  expect([isRead(shown, 'c', 5), isRead({ chat_id: 'c', seq: 5 }, 'c', 5, 0)]).toEqual([true, false])
})
