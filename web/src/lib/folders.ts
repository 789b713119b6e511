// The pure rules of folders: which chats one holds, and how they are put in order.
import { isSilent, isUnread } from './order'
import type { Chat, ChatKind, Folder } from './types'

export const FOLDERS_MAX = 20
export const CHATS_MAX = 200
export const NAME_MAX = 32

export type ChosenKind = Exclude<ChatKind, 'saved'>
export const KINDS: readonly ChosenKind[] = ['direct', 'group', 'channel']

/** A tab of the list: the person's own folder, or one that is always there. */
export interface Tab {
  key: string
  name: string
  holds: (chat: Chat) => boolean
}

export function isOfKind(chat: Chat, kind: ChosenKind): boolean {
  // What one keeps for oneself is found among the people.
  return chat.kind === kind || (kind === 'direct' && chat.kind === 'saved')
}

/** `kept` is a chat that one looks at: it does not vanish for having been read. */
export function holds(folder: Folder, chat: Chat, kept?: string): boolean {
  if (chat.archived) return false
  const named = folder.chats?.includes(chat.id) ?? false
  const ofKind = KINDS.some((kind) => folder.kinds?.includes(kind) && isOfKind(chat, kind))
  if (!named && !ofKind) return false
  if (folder.unread_only && !isUnread(chat) && chat.id !== kept) return false
  return !(folder.without_muted && isSilent(chat))
}

/** Each key is another, also where two folders have one name, and stays while other folders are moved. */
export function tabsOf(folders: readonly Folder[], kept?: string): Tab[] {
  const seen = new Map<string, number>()
  return folders.map((folder) => {
    const same = seen.get(folder.name) ?? 0
    seen.set(folder.name, same + 1)
    return {
      key: `folder:${same}:${folder.name}`,
      name: folder.name,
      holds: (chat) => holds(folder, chat, kept),
    }
  })
}

/** One place up or down; at the end it stays. */
export function moved(folders: readonly Folder[], at: number, step: 1 | -1): Folder[] {
  const to = at + step
  const next = [...folders]
  if (to < 0 || to >= next.length) return next
  ;[next[at], next[to]] = [next[to]!, next[at]!]
  return next
}

/** By hand in, or by hand out. */
export function withChat(folder: Folder, chatId: string, inside: boolean): Folder {
  const others = (folder.chats ?? []).filter((id) => id !== chatId)
  return { ...folder, chats: inside ? [...others, chatId] : others }
}
