import type { Chat, Entry } from '../src/lib/types'

export const ME = 'anna'

export function message(seq: number, fields: Partial<Entry> = {}): Entry {
  const at = new Date(Date.UTC(2026, 10, 23, 9, 0, seq)).toISOString()
  return {
    chat_id: 'lake',
    seq,
    kind: 'message',
    sender_id: 'boris',
    at,
    ref: `b${seq}`,
    text: `${seq}`,
    ...fields,
  }
}

export function messages(first: number, last: number): Entry[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => message(first + index))
}

export function chat(fields: Partial<Chat> = {}): Chat {
  return {
    id: 'lake',
    description: '',
    name: '',
    role: 'member',
    rights: ['send'],
    default_rights: ['send'],
    restricted_until: null,
    slow_mode_s: 0,
    members_hidden: false,
    signed: false,
    vanish_after_s: 0,
    archived: false,
    muted_until: null,
    pinned_at: null,
    marked_unread: false,
    blocked: false,
    unanswered: false,
    topics: false,
    previews: true,
    kind: 'group',
    title: 'Озеро',
    created_at: '2026-11-23T09:00:00Z',
    seq: 10,
    unread: 2,
    read_seq: 8,
    others_read_seq: 5,
    members_count: 3,
    people: [],
    last_entry: message(10),
    hidden: 0,
    ...fields,
  }
}
