// A slow group: a member writes one message in so many seconds, and sees how long it is until the next one.
import type { Chat, Entry } from './types'

export function isSlow({ slow_mode_s, role }: Chat): boolean {
  return Boolean(slow_mode_s) && role === 'member'
}

/** Milliseconds until one may write again, 0 at once. The server's clock and ours may differ: never more than a pause. */
export function pauseLeftMs(chat: Chat, entries: readonly Entry[], me: string, nowMs: number): number {
  if (!isSlow(chat)) return 0
  const own = entries.findLast(({ sender_id, kind }) => sender_id === me && kind === 'message')
  if (!own) return 0
  const pauseMs = chat.slow_mode_s! * 1000
  return Math.min(pauseMs, Math.max(0, Date.parse(own.at) + pauseMs - nowMs))
}
