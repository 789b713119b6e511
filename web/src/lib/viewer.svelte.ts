// What is seen large, and what lies before and after it in the chat.
import { entriesAfter, filesOf, visualsOf, type Shared } from './attachments'
import type { ChatModel } from './chat.svelte'
import { lastSeq } from './log'
import type { Visual } from './media'
import type { Entry } from './types'

export type Seen = Shared<Visual>

/** How many pages of news are looked through for the next picture before the reader asks again. */
const NEWER_PAGES_MAX = 5

class Viewer {
  chat = $state.raw<ChatModel>()
  items = $state.raw<readonly Seen[]>([])
  index = $state(0)
  loading = $state(false)
  /** Nothing lies beyond what we have, on this side. */
  #oldest = $state(true)
  #newest = $state(true)
  readonly current = $derived(this.chat ? this.items[this.index] : undefined)
  readonly hasOlder = $derived(this.index > 0 || !this.#oldest)
  readonly hasNewer = $derived(this.index < this.items.length - 1 || !this.#newest)
  /** The last entry that has been looked at for pictures. */
  #lookedTo = 0

  show(chat: ChatModel, entry: Entry, mediaId: string): void {
    // Comments are a part of a group's log: what else was sent there is none of them.
    const whole = chat.comment === undefined
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

  async #loadOlder(): Promise<void> {
    const chat = this.chat
    const first = this.items[0]
    if (!chat || !first || this.#oldest || this.loading) return
    await this.#load(async () => {
      const { entries, next } = await filesOf(chat.id, 'media', String(first.entry.seq))
      if (this.chat !== chat) return
      const older = this.#of(chat, entries.toReversed())
      this.items = [...older, ...this.items]
      this.index += older.length
      this.#oldest = next === null
    })
  }

  async #loadNewer(): Promise<void> {
    const chat = this.chat
    if (!chat || this.#newest || this.loading) return
    await this.#load(async () => {
      for (let page = 0; page < NEWER_PAGES_MAX; page += 1) {
        const entries = await entriesAfter(chat.id, this.#lookedTo)
        if (this.chat !== chat) return
        this.#lookedTo = Math.max(this.#lookedTo, lastSeq(entries))
        this.#newest = !entries.length || this.#lookedTo >= chat.newest
        const newer = this.#of(chat, entries)
        this.items = [...this.items, ...newer]
        if (newer.length || this.#newest) return
      }
    })
  }

  async #load(loaded: () => Promise<void>): Promise<void> {
    this.loading = true
    try {
      await loaded()
    } catch {
      // The next step asks again.
    } finally {
      this.loading = false
    }
  }

  #of({ topicId }: ChatModel, entries: readonly Entry[]): Seen[] {
    const here = topicId === undefined ? entries : entries.filter(({ topic_id }) => topic_id === topicId)
    return visualsOf(here)
  }
}

export const viewer = new Viewer()
