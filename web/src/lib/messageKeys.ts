// The keys of a message in the log, and what is selected of it.
import { acting } from './acting.svelte'
import type { ChatModel } from './chat.svelte'
import { mayEdit, mayReply } from './mayDo'
import { preferences } from './preferences.svelte'
import { isReadable } from './states'
import type { Entry } from './types'

interface Focused {
  entry: Entry
  row: HTMLElement
  chat: ChatModel
  me: string
  menu: (entry: Entry, x: number, y: number) => void
  reply: (seq: number, quote?: string) => void
}

/** False when it was none of them. */
export function acted(event: KeyboardEvent, { entry, row, chat, me, menu, reply }: Focused): boolean {
  const single = preferences.singleKeys
  if (event.key === 'Delete' && chat.joined) acting.dialog = { kind: 'delete', entries: [entry] }
  else if (
    event.key === 'ContextMenu' ||
    (event.key === 'F10' && event.shiftKey) ||
    (event.key === 'Enter' && event.target === row)
  ) {
    const { left, bottom } = (row.querySelector('.b') ?? row).getBoundingClientRect()
    menu(entry, left + 12, bottom)
  } else if (single && event.code === 'KeyR' && isReadable(entry) && mayReply(chat.summary))
    reply(entry.seq, selectionWithin(row, entry))
  else if (single && event.code === 'KeyE' && mayEdit(entry, chat.summary, me)) acting.editing = entry
  else return false
  return true
}

/** A part of the message's text, if nothing else is selected. */
export function selectionWithin(row: HTMLElement, { text }: Entry): string {
  const selection = getSelection()
  const words = selection?.toString().trim() ?? ''
  const shown = row.querySelector('.text')
  const inside =
    shown?.contains(selection?.anchorNode ?? null) && shown.contains(selection?.focusNode ?? null)
  return inside && words && text?.includes(words) ? words : ''
}
