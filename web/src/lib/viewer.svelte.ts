// What is seen large, and what lies before and after it in the chat.
import { entriesAfter, filesOf, visualsOf, type Shared } from './attachments'
import type { ChatModel } from './chat.svelte'
import { lastSeq } from './log'
import type { Visual } from './media'
import { topicOf } from './topics'
import type { Entry } from './types'

export type Seen = Shared<Visual>

/** How many pages of news are looked through for the next picture before the reader asks again. */
const NEWER_PAGES_MAX = 5

class Viewer {
  chat = $state.raw<ChatModel>()
  items = $state.raw<readonly Seen[]>([])
  index = $state(0)
  /** Nothing lies beyond what we have, on this side. */
  #oldest = $state(true)
  #newest = $state(true)
  readonly current = $derived(this.chat ? this.items[this.index] : undefined)
  readonly hasOlder = $derived(this.index > 0 || !this.#oldest)
  readonly hasNewer = $derived(this.index < this.items.length - 1 || !this.#newest)
  /** What is being fetched on either side: whoever steps there meanwhile waits for it. */
  #older: Promise<void> | undefined
  #newer: Promise<void> | undefined
  /** The last entry that has been looked at for pictures. */
  #lookedTo = 0

  show(chat: ChatModel, entry: Entry, mediaId: string): void {
    // Comments are a part of a group's log: what else was sent there is none of them.
    const whole = chat.post === undefined
    const known = this.#of(chat, chat.entries)
    const within = known.some((item) => item.entry.seq === entry.seq)
    const items = within ? known : visualsOf([entry])
    const index = items.findIndex((item) => item.entry.seq === entry.seq && item.file.media_id === mediaId)
    if (index < 0) return
    this.chat = chat
    this.items = items
    this.index = index
    this.#oldest = !whole
    this.#lookedTo = within ? lastSeq(chat.entries) : entry.seq
    this.#newest = !whole || this.#lookedTo >= chat.newest
    if (index === 0) void this.#loadOlder()
    if (index === items.length - 1) void this.#loadNewer()
  }

  close(): void {
    this.chat = undefined
    this.items = []
  }

  async step(by: 1 | -1): Promise<void> {
    const next = this.index + by
    if (!this.items[next]) await (by < 0 ? this.#loadOlder() : this.#loadNewer())
    // What came before has moved everything along.
    const wanted = this.index + by
    if (this.items[wanted]) this.index = wanted
    if (this.index === 0) void this.#loadOlder()
    if (this.index === this.items.length - 1) void this.#loadNewer()
  }

  // What fails is asked for again by the next step.

  #loadOlder(): Promise<void> {
    return (this.#older ??= this.#fetchOlder()
      .catch(() => {})
      .finally(() => (this.#older = undefined)))
  }

  #loadNewer(): Promise<void> {
    return (this.#newer ??= this.#fetchNewer()
      .catch(() => {})
      .finally(() => (this.#newer = undefined)))
  }

  async #fetchOlder(): Promise<void> {
    const chat = this.chat
    const first = this.items[0]
    if (!chat || !first || this.#oldest) return
    const { entries, next } = await filesOf({ id: chat.id }, 'media', String(first.entry.seq))
    if (this.chat !== chat || this.items[0] !== first) return
    const older = this.#of(chat, entries.toReversed())
    this.items = [...older, ...this.items]
    this.index += older.length
    this.#oldest = next === null
  }

  async #fetchNewer(): Promise<void> {
    const chat = this.chat
    if (!chat || this.#newest) return
    for (let page = 0; page < NEWER_PAGES_MAX; page += 1) {
      const after = this.#lookedTo
      const entries = await entriesAfter(chat.id, after)
      if (this.chat !== chat || this.#lookedTo !== after) return
      this.#lookedTo = Math.max(after, lastSeq(entries))
      this.#newest = !entries.length || this.#lookedTo >= chat.newest
      const newer = this.#of(chat, entries)
      this.items = [...this.items, ...newer]
      if (newer.length || this.#newest) return
    }
  }

  #of({ topicId }: ChatModel, entries: readonly Entry[]): Seen[] {
    const here = topicId === undefined ? entries : entries.filter((entry) => topicOf(entry) === topicId)
    return visualsOf(here)
  }
}

export const viewer = new Viewer()
