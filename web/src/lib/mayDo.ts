// What the server will let one do with a message: nothing is offered that would be refused.
import { isReadable } from './states'
import type { Chat, Entry, SentPlace } from './types'

const EDIT_WITHIN_MS = 48 * 3600_000

type Place = Pick<Chat, 'kind' | 'rights'>

export const mayReply = ({ rights }: Place): boolean => rights.includes('send')
export const mayForwardTo = (chat: Chat): boolean => chat.rights.includes('send') && !chat.blocked
export const mayPin = ({ rights }: Place): boolean => rights.includes('pin')

/** One's own for two days; in a channel, whose posts are nobody's, whoever may edit them edits each of them at any time. */
export function mayEdit(entry: Entry, { kind, rights }: Place, me: string, now = Date.now()): boolean {
  if (!isReadable(entry) || entry.forward || entry.reminder || entry.card) return false
  if (kind === 'channel' && rights.includes('edit')) return true
  const inTime = now - Date.parse(entry.at) < EDIT_WITHIN_MS
  return entry.sender_id === me && rights.includes('send') && inTime
}

export function mayDeleteForAll(entries: readonly Entry[], { rights }: Place, me: string): boolean {
  const live = entries.some(({ deleted }) => !deleted)
  return live && (rights.includes('delete') || entries.every(({ sender_id }) => sender_id === me))
}

/** Of what one has sent. A post is its channel's, whoever wrote it. */
export function mayDeleteSent({ left }: Pick<SentPlace, 'left'>, chat: Place | undefined): boolean {
  return !left && chat !== undefined && (chat.kind !== 'channel' || chat.rights.includes('delete'))
}
