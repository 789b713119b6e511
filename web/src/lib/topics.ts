// The pure rules of topics.
import { withoutMentions } from './mentions'
import { isReadable, withStates } from './states'
import type { Chat, Entry, Topic } from './types'

/** What has no other topic. */
export const GENERAL = 0
export const COLOURS = 8

/** Of a message; what was done with one goes with it. */
export function topicOf(entry: Entry): number {
  return entry.topic_id ?? entry.message?.topic_id ?? GENERAL
}

/** Pinned ones first, the last pinned on top; then by what happened last. */
export function beforeTopic(a: Topic, b: Topic): number {
  return (
    (b.pinned_at ?? '').localeCompare(a.pinned_at ?? '') ||
    (b.last_entry?.seq ?? b.id) - (a.last_entry?.seq ?? a.id)
  )
}

export function isTopicMuted(topic: Topic, now = Date.now()): boolean {
  return Boolean(topic.muted_until) && Date.parse(topic.muted_until!) > now
}

const SHOWN_KINDS = new Set<string>([
  'message',
  'topic_made',
  'topic_closed',
  'topic_reopened',
  'topic_deleted',
  'topic_moved',
])

/** The topic after one more entry of its group. */
export function withTopicEntry(topic: Topic, entry: Entry, me: string): Topic {
  if (entry.kind === 'deleted' && topic.mentions?.includes(entry.target ?? 0))
    topic = { ...topic, mentions: withoutMentions(topic.mentions, [entry.target ?? 0]) }
  const last = topic.last_entry
  if (entry.target && entry.message && last?.seq === entry.target)
    return { ...topic, last_entry: { ...last, ...entry.message } }
  if (topicOf(entry) !== topic.id || !SHOWN_KINDS.has(entry.kind) || entry.seq <= (last?.seq ?? 0))
    return topic
  const counts = entry.kind === 'message' && entry.sender_id !== me
  return {
    ...topic,
    last_entry: entry,
    unread: topic.unread + (counts ? 1 : 0),
    // Whoever writes has read what stands above.
    ...(entry.kind === 'message' && entry.sender_id === me
      ? { unread: 0, read_seq: entry.seq, mentions: [] }
      : {}),
  }
}

/** A topic's window, which from the one place to the other holds what this page does. */
export function withPage(
  window: readonly Entry[],
  page: readonly Entry[],
  from: number,
  to: number,
  me: string,
): readonly Entry[] {
  const there = new Set(page.map(({ seq }) => seq))
  const kept = window.filter(({ seq }) => seq < from || seq > to || there.has(seq))
  const known = new Set(kept.map(({ seq }) => seq))
  const came = page.filter(({ seq }) => seq >= from && seq <= to && !known.has(seq))
  const all = [...kept, ...came].sort((a, b) => a.seq - b.seq)
  return withStates(all, page, { me, personal: true })
}

const MOVE_WITHIN_MS = 48 * 3600_000

/** Whether one may move the message to another topic: one's own for a while, or what anybody has written. `topic` is as
 *  it shows itself to this person. */
export function mayMove(entry: Entry, topic: Chat, me: string, now = Date.now()): boolean {
  if (!topic.topics || !isReadable(entry)) return false
  if (topic.rights.includes('topics')) return true
  const isLate = now - Date.parse(entry.at) >= MOVE_WITHIN_MS
  return entry.sender_id === me && !isLate && topic.rights.includes('send')
}
