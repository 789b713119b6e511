// One chat: its line in the list, the loaded window of its log, and what waits to be sent.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import {
  append,
  countUnread,
  dropNewest,
  dropOldest,
  firstSeq,
  GAP_MAX,
  indexOf,
  lastSeq,
  prepend,
  WINDOW_MAX,
} from './log'
import { unreadOf, withMentions, withoutMentions } from './mentions'
import { withVote } from './polls'
import { Problem } from './problems'
import { pinsOf } from './messages'
import { withActions, withoutContent, withReaction, withState } from './states'
import { withEntry } from './summary'
import type { UnsentComment } from './discussions'
import type { Chat, Entry, Unsent } from './types'

export const PAGE = 50
export const PAGE_MAX = 200
const TYPING_MS = 5000
const FILL_AGAIN_MS = 2000
/** How much is fetched on either side of a message that one goes to. */
export const AROUND = 40
/** What may change a pinned message, or which ones there are. */
const CHANGES_PINS = new Set<string>(['pinned', 'unpinned', 'edited', 'deleted'])

export class ChatModel {
  readonly id: string
  entries = $state.raw<readonly Entry[]>([])
  loaded = $state(false)
  loadingOlder = $state(false)
  loadingNewer = $state(false)
  /** The last page could not be loaded; the reader is offered to try again. */
  failed = $state(false)
  /** The reader is so far up that the newest entries were dropped; they are fetched on the way down. */
  detached = $state(false)
  /** Grows when the window is replaced as a whole: the log must not try to keep its place. */
  generation = $state(0)
  /** The read mark when the chat was opened: the divider stands after it. 0 shows none. */
  unreadAfter = $state(0)
  /** The message to which the reader wants to go, once the window has it. */
  aim = $state<number>()
  /** Pinned messages, the last one pinned first; known once the chat has been opened. */
  pins = $state.raw<readonly Entry[]>()
  typing = new SvelteMap<string, ReturnType<typeof setTimeout>>()
  /** The newest seq we have heard of, be its entry here or not. */
  newest = 0
  /** Of a group with topics, that of which this is the log. */
  readonly topicId: number | undefined = undefined
  /** Where what is written goes another way than by the socket. */
  readonly comment?: (wanted: UnsentComment) => Promise<void>
  protected readonly me: string
  #summary = $state.raw<Chat>()!
  #unsent = $state.raw<readonly Unsent[]>([])
  #filling: Promise<void> | undefined
  #loading: Promise<void> | undefined

  constructor(summary: Chat, me: string) {
    this.id = summary.id
    this.me = me
    this.summary = summary
    this.newest = summary.seq
  }

  get summary(): Chat {
    return this.#summary
  }

  set summary(summary: Chat) {
    this.#summary = summary
  }

  /** What waits to be sent, oldest first. */
  get unsent(): readonly Unsent[] {
    return this.#unsent
  }

  set unsent(unsent: readonly Unsent[]) {
    this.#unsent = unsent
  }

  /** Under which what one began to write here is kept. */
  get draftKey(): string {
    return this.id
  }

  /** Whether one is in the chat, and can do what members do. */
  get joined(): boolean {
    return true
  }

  /** The id of a chat that one is in, for what is asked of the server about writing here. */
  get knownAs(): string {
    return this.id
  }

  get hasOlder(): boolean {
    return firstSeq(this.entries) > 1
  }

  /** Entries from the socket, in order. False when the list's line has a gap and must be fetched anew. */
  receive(entries: readonly Entry[]): boolean {
    let whole = true
    for (const entry of entries) {
      this.newest = Math.max(this.newest, entry.seq)
      const next = withEntry(this.summary, entry, this.me)
      if (next) this.summary = next
      else whole = false
      if (entry.kind === 'message') this.stopTyping(entry.sender_id)
    }
    if (this.loaded) {
      if (!this.detached) this.entries = append(this.entries, entries)
      this.hear(entries, false)
      void this.fill()
    }
    return whole
  }

  /** Begin with what this browser remembers; the gap to the newest entry is filled like any other. */
  remember(entries: readonly Entry[]): void {
    this.entries = entries
    this.loaded = true
    this.generation += 1
  }

  /** What to remember: a window that reaches the newest entry, or nothing. */
  get remembered(): readonly Entry[] {
    return this.loaded && lastSeq(this.entries) === this.summary.seq ? this.entries : []
  }

  /** The first window, unless one is on its way: the newest page, or as far back as the first unread message. */
  async load(): Promise<void> {
    if (this.#loading) {
      await this.#loading
      if (this.loaded) return
    }
    return this.replace(() => this.loadNewest())
  }

  /** Windows are fetched one after another: of two at once the slower answer would be shown. */
  protected async replace(fetched: () => Promise<void>): Promise<void> {
    while (this.#loading) await this.#loading
    const loading = fetched()
    this.#loading = loading.catch(() => {}).finally(() => (this.#loading = undefined))
    return loading
  }

  /** Close the gap between the window and the newest entry. */
  async fill(): Promise<void> {
    if (!this.loaded || this.detached || lastSeq(this.entries) >= this.newest) return
    this.#filling ??= this.fillGap().finally(() => (this.#filling = undefined))
    return this.#filling
  }

  async loadOlder(): Promise<void> {
    if (!this.loaded || this.loadingOlder || !this.hasOlder) return
    this.loadingOlder = true
    try {
      const older = await this.fetch({ before: firstSeq(this.entries), limit: PAGE_MAX })
      const known = this.entries
      this.entries = prepend(known, older)
      // The page may be older than what has been heard meanwhile.
      this.hear(known, false)
      this.failed = false
    } catch {
      this.failed = true
    } finally {
      this.loadingOlder = false
    }
  }

  /** On the way down from far up in history. */
  async loadNewer(): Promise<void> {
    if (!this.detached || this.loadingNewer) return
    this.loadingNewer = true
    try {
      const newer = await this.fetch({ after: lastSeq(this.entries), limit: PAGE_MAX })
      this.entries = append(this.entries, newer)
      this.hear(newer, true)
      this.detached = lastSeq(this.entries) < this.newest
    } catch {
      // The next scroll asks again.
    } finally {
      this.loadingNewer = false
    }
  }

  async toNewest(): Promise<void> {
    if (this.detached) await this.replace(() => this.loadNewest())
  }

  /** Forget what lies far from the reader. */
  trim(readerIsBelow: boolean, max = WINDOW_MAX): void {
    if (this.entries.length <= max) return
    if (readerIsBelow) {
      this.entries = dropOldest(this.entries, max)
    } else {
      this.entries = dropNewest(this.entries, max)
      this.detached = true
    }
  }

  // ---- What is done with messages --------------------------------------

  at(seq: number): Entry | undefined {
    return this.entries[indexOf(this.entries, seq)]
  }

  /** Messages take on what was done to them, be they in the window for long or since now. */
  protected hear(heard: readonly Entry[], personal: boolean): void {
    this.entries = withActions(this.entries, heard, { me: this.me, personal })
    if (this.pins && heard.some(({ kind }) => CHANGES_PINS.has(kind))) void this.loadPins()
  }

  /** What the server answers about one message. */
  know(state: Entry): void {
    this.#change(state.seq, (known) => withState(known, state, { me: this.me, personal: true }))
  }

  /** One has voted, here or on another device. */
  knowVote(answer: Entry): void {
    this.#change(answer.seq, (known) => withVote(known, answer))
  }

  /** A reaction of one's own shows at once. */
  react(seq: number, emoji: string, mine: boolean): void {
    this.#change(seq, (known) => withReaction(known, emoji, mine))
  }

  /** Deleted for oneself, here or on another device; `hidden` counts all of them. */
  hide(seqs: readonly number[], hidden: number): void {
    for (const seq of seqs) this.#change(seq, withoutContent)
    const last = this.summary.last_entry
    const last_entry = last && seqs.includes(last.seq) ? withoutContent(last) : last
    const mentions = withoutMentions(this.summary.mentions, seqs)
    this.summary = { ...this.summary, hidden, last_entry, mentions }
    if (this.pins) this.pins = this.pins.filter(({ seq }) => !seqs.includes(seq))
  }

  #change(seq: number, change: (known: Entry) => Entry): void {
    const known = this.at(seq)
    const changed = known && change(known)
    if (changed && changed !== known)
      this.entries = this.entries.map((entry) => (entry === known ? changed : entry))
  }

  async loadPins(): Promise<void> {
    try {
      this.pins = await pinsOf(this.id)
    } catch {
      this.pins ??= []
    }
  }

  /** Make the window hold a message, wherever it stands, and send the reader there. */
  async goTo(seq: number): Promise<void> {
    await this.#loading
    if (!this.loaded || !this.at(seq)) await this.replace(() => this.loadAround(seq))
    this.aim = seq
  }

  protected async loadAround(seq: number): Promise<void> {
    const [before, after] = await Promise.all([
      this.fetch({ before: seq + 1, limit: AROUND }),
      this.fetch({ after: seq, limit: AROUND }),
    ])
    this.entries = [...before, ...after]
    this.newest = Math.max(this.newest, lastSeq(this.entries))
    this.detached = lastSeq(this.entries) < this.newest
    this.loaded = true
    this.failed = false
    this.generation += 1
  }

  rewind(summary: Chat): void {
    this.summary = summary
    this.newest = summary.seq
    this.unload()
  }

  unload(): void {
    this.entries = []
    this.loaded = false
    this.detached = false
  }

  /** Move the own read mark; false when it was there already. */
  markRead(seq: number): boolean {
    if (seq <= this.summary.read_seq) return false
    const unread = seq >= this.summary.seq ? 0 : this.#unreadAfterMark(seq)
    const mentions = unreadOf(this.summary.mentions, seq)
    this.summary = { ...this.summary, read_seq: seq, unread, mentions }
    return true
  }

  /** These mention one or answer one, or no longer do. */
  hearMentions(seqs: readonly number[], gone: boolean): void {
    const { mentions, read_seq } = this.summary
    const next = gone ? withoutMentions(mentions, seqs) : withMentions(mentions, seqs, read_seq)
    this.summary = { ...this.summary, mentions: next }
  }

  markReadByOthers(seq: number): void {
    if (seq > this.summary.others_read_seq) this.summary = { ...this.summary, others_read_seq: seq }
  }

  startTyping(userId: string): void {
    clearTimeout(this.typing.get(userId))
    this.typing.set(
      userId,
      setTimeout(() => this.typing.delete(userId), TYPING_MS),
    )
  }

  stopTyping(userId: string): void {
    clearTimeout(this.typing.get(userId))
    this.typing.delete(userId)
  }

  protected async loadNewest(): Promise<void> {
    try {
      const unread = this.summary.unread ? this.newest - this.summary.read_seq : 0
      let window = await this.fetch({ limit: Math.min(PAGE_MAX, Math.max(PAGE, unread + 10)) })
      while (
        unread &&
        firstSeq(window) > this.summary.read_seq &&
        firstSeq(window) > 1 &&
        window.length < GAP_MAX
      ) {
        const older = await this.fetch({ before: firstSeq(window), limit: PAGE_MAX })
        if (!older.length) break
        window = [...prepend(window, older)]
      }
      this.entries = window
      this.newest = Math.max(this.newest, lastSeq(window))
      this.detached = false
      this.loaded = true
      this.failed = false
      this.generation += 1
      void this.fill()
    } catch {
      this.failed = true
    }
  }

  protected async fillGap(): Promise<void> {
    try {
      while (this.loaded && !this.detached && lastSeq(this.entries) < this.newest) {
        const have = lastSeq(this.entries)
        if (this.newest - have > GAP_MAX) return await this.load()
        const page = await this.fetch({ after: have, limit: PAGE_MAX })
        this.entries = append(this.entries, page)
        this.hear(page, true)
        if (lastSeq(this.entries) === have) return
      }
    } catch (error) {
      // Without a network the next hello asks again; anything else may pass by itself.
      if (error instanceof Problem && error.code === 'offline') return
      setTimeout(() => void this.fill(), FILL_AGAIN_MS)
    }
  }

  protected async fetch(query: { after?: number; before?: number; limit: number }): Promise<Entry[]> {
    const topic = this.topicId === undefined ? {} : { topic_id: this.topicId }
    const params = { path: { chat_id: this.id }, query: { ...query, ...topic } }
    const { entries } = await ok(api.GET('/v1/messaging/chats/{chat_id}/entries', { params }))
    return entries
  }

  #unreadAfterMark(seq: number): number {
    const knowsAll =
      this.loaded && lastSeq(this.entries) >= this.summary.seq && firstSeq(this.entries) <= seq + 1
    return knowsAll
      ? countUnread(this.entries, seq, this.me)
      : Math.min(this.summary.unread, this.summary.seq - seq)
  }
}
