import { expect, test } from 'vitest'
import { appendSparse, indexOf, prependSparse } from '../src/lib/log'
import { beforeTopic, mayMove, topicOf, withPage, withTopicEntry } from '../src/lib/topics'
import type { Chat, Topic } from '../src/lib/types'
import { chat, ME, message } from './entries'

function topic(fields: Partial<Topic> = {}): Topic {
  return {
    chat_id: 'lake',
    id: 3,
    title: 'Лодки',
    icon: '',
    colour: 0,
    creator_id: 'boris',
    made_at: '2026-11-23T09:00:00Z',
    closed: false,
    hidden: false,
    pinned_at: null,
    unread: 1,
    read_seq: 3,
    others_read_seq: 3,
    last_entry: message(5, { topic_id: 3 }),
    muted_until: null,
    restricted: false,
    may_write: true,
    ...fields,
  }
}

test('an entry of another topic changes nothing', () => {
  const boats = topic()

  expect(withTopicEntry(boats, message(6, { topic_id: 4 }), ME)).toBe(boats)
  expect(withTopicEntry(boats, message(6), ME)).toBe(boats)
})

test('a message of others is unread, and after one of mine nothing is', () => {
  const boats = withTopicEntry(topic(), message(6, { topic_id: 3 }), ME)
  expect([boats.unread, boats.last_entry?.seq]).toEqual([2, 6])

  const answered = withTopicEntry(boats, message(7, { topic_id: 3, sender_id: ME }), ME)
  expect([answered.unread, answered.read_seq]).toEqual([0, 7])
})

test('an entry that is heard twice, or late, counts once', () => {
  const boats = withTopicEntry(topic(), message(6, { topic_id: 3 }), ME)

  expect(withTopicEntry(boats, message(6, { topic_id: 3 }), ME)).toBe(boats)
  expect(withTopicEntry(boats, message(4, { topic_id: 3 }), ME)).toBe(boats)
})

test('what was done with a message goes with it', () => {
  const edited = message(9, {
    kind: 'edited',
    target: 5,
    message: { type: 'entry', ...message(5, { topic_id: 3, text: 'Иначе' }) },
  })

  expect(topicOf(edited)).toBe(3)
  expect(withTopicEntry(topic(), edited, ME).last_entry?.text).toBe('Иначе')
})

test('pinned topics come first, then the one where something happened last', () => {
  const topics = [
    topic({ id: 1, last_entry: message(9) }),
    topic({ id: 2, last_entry: message(12) }),
    topic({ id: 3, pinned_at: '2026-01-01T00:00:00Z', last_entry: message(4) }),
  ]

  expect(topics.sort(beforeTopic).map(({ id }) => id)).toEqual([3, 2, 1])
})

test('a window with holes keeps its order and holds each entry once', () => {
  const window = [message(3), message(7)]

  expect(appendSparse(window, [message(12), message(7), message(9)]).map(({ seq }) => seq)).toEqual([
    3, 7, 9, 12,
  ])
  expect(prependSparse(window, [message(3), message(1)]).map(({ seq }) => seq)).toEqual([1, 3, 7])
  expect([3, 4, 7, 8].map((seq) => indexOf(window, seq))).toEqual([0, -1, 1, -1])
})

test('a page puts into the window what came, and takes out what went, between its ends alone', () => {
  const window = [message(2), message(4, { text: 'Новее', version: 9 }), message(6), message(9)]
  const page = [message(3), message(4, { version: 5 })]

  const now = withPage(window, page, 3, 7, ME)

  expect(now.map(({ seq }) => seq)).toEqual([2, 3, 4, 9])
  expect(now[2]!.text).toBe('Новее')
})

test('one moves what one has written oneself for two days, and with the right what anybody has', () => {
  const at = '2026-11-23T09:00:00Z'
  const soon = Date.parse(at) + 47 * 3600_000
  const group = (more: Partial<Chat>) => chat({ kind: 'group', topics: true, rights: ['send'], ...more })
  const [mine, his] = [message(5, { sender_id: ME, at }), message(6, { sender_id: 'boris', at })]

  expect(mayMove(mine, group({}), ME, soon)).toBe(true)
  expect(mayMove(mine, group({}), ME, soon + 2 * 3600_000)).toBe(false)
  expect(mayMove(mine, group({ rights: [] }), ME, soon)).toBe(false)
  expect(mayMove(mine, group({ topics: false }), ME, soon)).toBe(false)
  expect(mayMove(his, group({}), ME, soon)).toBe(false)
  expect(mayMove(his, group({ rights: ['topics'] }), ME, soon * 2)).toBe(true)
  expect(mayMove({ ...mine, deleted: true }, group({}), ME, soon)).toBe(false)
})
