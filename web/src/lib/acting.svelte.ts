// What the person is about to do with messages: the menu that is open, the message being edited, those selected.
import { SvelteSet } from 'svelte/reactivity'
import type { Entry } from './types'

export const SELECTED_MAX = 100

export interface MenuPlace {
  entry: Entry
  x: number
  y: number
  /** A part of the message's text that is selected. */
  quote: string
}

export type MessageDialog =
  | { kind: 'delete'; entries: Entry[] }
  | { kind: 'forward'; entries: Entry[] }
  | { kind: 'move'; entries: Entry[] }
  | { kind: 'report'; entries: Entry[] }
  | { kind: 'person'; userId: string; managing?: boolean }
  | {
      kind: 'reactors' | 'readers' | 'versions' | 'emoji' | 'remind' | 'voters' | 'close-poll'
      entry: Entry
    }

class Acting {
  menu = $state.raw<MenuPlace>()
  dialog = $state.raw<MessageDialog>()
  /** The message whose text is in the composer. */
  editing = $state.raw<Entry>()
  selecting = $state<string>()
  selected = new SvelteSet<number>()

  select(entry: Entry): void {
    if (this.selecting !== entry.chat_id) this.selected.clear()
    this.selecting = entry.chat_id
    if (!this.selected.delete(entry.seq) && this.selected.size < SELECTED_MAX) this.selected.add(entry.seq)
    if (!this.selected.size) this.selecting = undefined
  }

  /** Back to reading; false when there was nothing to leave. */
  leave(): boolean {
    if (this.selecting) {
      this.selecting = undefined
      this.selected.clear()
      return true
    }
    if (this.editing) {
      this.editing = undefined
      return true
    }
    return false
  }

  reset(): void {
    while (this.leave());
    this.menu = undefined
    this.dialog = undefined
  }
}

export const acting = new Acting()

/** Who wrote it; nothing of what a chat or a webhook says in its own name. */
export function writerOf(entry: Entry | undefined): string | undefined {
  return entry && !entry.webhook && entry.sender_id !== entry.chat_id ? entry.sender_id : undefined
}
