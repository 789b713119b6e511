// What the server will let one do with a message: nothing is offered that would be refused.
import { isReadable } from './states'
import type { Chat, Entry, SentPlace } from './types'

const EDIT_WITHIN_MS = 48 * 3600_000

type Place = Pick<Chat, 'kind' | 'rights'>

export const mayReply = ({ rights }: Place): boolean => rights.includes('send')
export const mayForwardTo = (chat: Chat): boolean => chat.rights.includes('send') && !chat.blocked
export const mayPin = ({ rights }: Place): boolean => rights.includes('pin')

/** What is posted in a channel's name is somebody's all the same. */
const isOwn = ({ sender_id, mine }: Entry, me: string): boolean => sender_id === me || mine === true

/** One's own for two days; in a channel, whose posts are nobody's, whoever may edit them edits each of them at any time. */
export function mayEdit(entry: Entry, { kind, rights }: Place, me: string, now = Date.now()): boolean {
  if (!isReadable(entry) || entry.forward || entry.reminder || entry.card) return false
  if (kind === 'channel' && rights.includes('edit')) return true
  const inTime = now - Date.parse(entry.at) < EDIT_WITHIN_MS
  return isOwn(entry, me) && rights.includes('send') && inTime
}

/** Delete all that somebody wrote: in a channel nobody sees who wrote what. */
export const mayPurge = ({ kind, rights }: Place): boolean => kind === 'group' && rights.includes('delete')

/** Of whom all can be deleted together with these messages: of their writer, if it is one and somebody else. */
export function purgeable(entries: readonly Entry[], chat: Place, me: string): string | undefined {
  const [writer, ...others] = new Set(entries.map(({ sender_id, webhook }) => (webhook ? '' : sender_id)))
  return writer && !others.length && writer !== me && mayPurge(chat) ? writer : undefined
}

export function mayDeleteForAll(entries: readonly Entry[], { rights }: Place, me: string): boolean {
  const live = entries.some(({ deleted }) => !deleted)
  return live && (rights.includes('delete') || entries.every((entry) => isOwn(entry, me)))
}

/** Of what one has sent. A post is its channel's, whoever wrote it. */
export function mayDeleteSent({ left }: Pick<SentPlace, 'left'>, chat: Place | undefined): boolean {
  return !left && chat !== undefined && (chat.kind !== 'channel' || chat.rights.includes('delete'))
}
