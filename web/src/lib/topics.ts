// The pure rules of topics.
import type { Entry, Topic } from './types'

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
])

/** The topic after one more entry of its group. */
export function withTopicEntry(topic: Topic, entry: Entry, me: string): Topic {
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
    ...(entry.kind === 'message' && entry.sender_id === me ? { unread: 0, read_seq: entry.seq } : {}),
  }
}
