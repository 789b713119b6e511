// The pure rules of one's own order of chats.
import { activityOf } from './summary'
import type { Chat } from './types'

export interface Arrangement {
  archived?: boolean
  pinned?: boolean
  marked_unread?: boolean
  muted_until?: string
}

const HOUR_MS = 3_600_000
/** Muted until somebody says otherwise. */
export const FOR_GOOD = '9999-01-01T00:00:00Z'

export function inAnHour(now = Date.now()): string {
  return new Date(now + HOUR_MS).toISOString()
}

export function isMuted(chat: Chat, now = Date.now()): boolean {
  return Boolean(chat.muted_until) && Date.parse(chat.muted_until!) > now
}

/** Nothing of it is told, so it counts nowhere. */
export function isSilent(chat: Chat): boolean {
  return isMuted(chat) || chat.notify === 'none'
}

/** Whether the chat asks for attention at all. */
export function isUnread(chat: Chat): boolean {
  return chat.unread > 0 || chat.marked_unread
}

/** Pinned ones first, the last pinned on top; then by what happened last. */
export function before(a: Chat, b: Chat): number {
  return (b.pinned_at ?? '').localeCompare(a.pinned_at ?? '') || activityOf(b).localeCompare(activityOf(a))
}
