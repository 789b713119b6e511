// The pure rules of what an open client tells of by itself. They are the server's for devices that are not connected
// (services/messaging/notifications/telling.py), so that it makes no difference which of the two tells.
import type { Notify } from './notifications'
import { isMuted } from './order'
import { isQuiet } from './quietHours'
import { isForReading } from './log'
import type { Chat, Entry, NotificationSettings } from './types'

/** In larger groups one is told of what is said to oneself alone. */
const EVERYTHING_TOLD_MEMBERS_MAX = 200
const TEXT_MAX = 200

export interface Wanted {
  notify: Notify
  settings: NotificationSettings
  /** The message mentions one, or answers one. */
  addressed: boolean
  topicMuted: boolean
}

export function mentions(entry: Entry, me: string): boolean {
  return entry.entities?.some(({ kind, user_id }) => kind === 'mention' && user_id === me) ?? false
}

export function isTold(entry: Entry, chat: Chat, me: string, wanted: Wanted, now: Date): boolean {
  const { notify, settings, addressed, topicMuted } = wanted
  if (!isForReading(entry, me) || entry.deleted || entry.seq <= chat.read_seq) return false
  if (notify === 'none' || topicMuted || isMuted(chat, now.getTime()) || isQuiet(settings, now)) return false
  return addressed || !onlyAddressed(chat, notify, settings)
}

function onlyAddressed(chat: Chat, notify: Notify, { mentions_only }: NotificationSettings): boolean {
  if (notify === 'mentions') return true
  return chat.kind === 'group' && (mentions_only || chat.members_count > EVERYTHING_TOLD_MEMBERS_MAX)
}

/** On one line. */
export function shownText(text: string): string {
  const line = text.split(/\s+/).filter(Boolean).join(' ')
  const letters = [...line]
  return letters.length <= TEXT_MAX
    ? line
    : `${letters
        .slice(0, TEXT_MAX - 1)
        .join('')
        .trimEnd()}…`
}

/** What goes with a notification (service-worker.js). */
export interface ShownData {
  chat_id: string
  seq: number
  topic_id?: number
}

export function isRead(shown: ShownData, chatId: string, seq: number, topicId?: number): boolean {
  return shown.chat_id === chatId && shown.seq <= seq && (topicId === undefined || shown.topic_id === topicId)
}
