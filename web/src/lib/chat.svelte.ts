// One chat: its line in the list, the loaded window of its log, and what waits to be sent.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import { append, dropFarther, firstSeq, GAP_MAX, indexOf, lastSeq, prepend, WINDOW_MAX } from './log'
import { unreadOf, withMentions, withoutMentions } from './mentions'
import { withVote } from './polls'
import { Problem } from './problems'
import { pinsOf } from './messages'
import { withActions, withoutContent, withReaction, withState, withStates } from './states'
import { merged, unreadAfter, withEntry } from './summary'
import type { Chat, Entry, Unsent } from './types'

export const PAGE = 50
export const PAGE_MAX = 200
const TYPING_MS = 5000
const FILL_AGAIN_MS = 2000
/** How much is fetched on either side of a message that one goes to. */
export const AROUND = 40
/** What may change a pinned message, or which ones there are. */
const CHANGES_PINS = new Set<string>(['pinned', 'unpinned', 'edited', 'deleted', 'moved'])

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
  /** The read mark when the chat was opened, or when the reader was left behind: the divider stands after it. */
  unreadAfter = $state<number>()
  /** The message to which the reader wants to go, once the window has it. */
  aim = $state<number>()
  /** Pinned messages, the last one pinned first; known once the chat has been opened. */
  pins = $state.raw<readonly Entry[]>()
  typing = new SvelteMap<string, ReturnType<typeof setTimeout>>()
  /** The newest seq we have heard of, be its entry here or not. */
  newest = 0
  /** Of a group with topics, that of which this is the log. */
  readonly topicId: number | undefined = undefined
  /** Of comments, the post that they are on. */
  readonly post: number | undefined = undefined
  protected readonly me: string
  #summary = $state.raw<Chat>()!
  /** All that waits to be sent, oldest first: comments on its posts too. */
  waiting = $state.raw<readonly Unsent[]>([])
  #filling: Promise<void> | undefined
  #loading: Promise<void> | undefined
  /** Of what was done up to this entry the window lacks nothing, even where it does not reach so far. */
  #current = 0
  /** What has been heard without a hole, from the one entry to the other. */
  #heard = { from: 1, to: 0 }

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

  /** What of that stands in this log. */
  get unsent(): readonly Unsent[] {
    return this.waiting.filter(({ post }) => post === undefined)
  }

  /** The chat that takes what is written here. */
  get writtenTo(): string {
    return this.id
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

  /** Up to which entry all that is here to be read has been. */
  get readSeq(): number {
    return this.summary.read_seq
  }

  /** Entries from the socket, in order. False when the list's line has a gap and must be fetched anew. */
  receive(entries: readonly Entry[]): boolean {
    let whole = true
    for (const entry of entries) {
      this.listen(entry)
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

  /** Something new, be it for the window or not. */
  protected listen({ seq }: Entry): void {
    this.newest = Math.max(this.newest, seq)
    if (seq === this.#heard.to + 1) this.#heard.to = seq
    else if (seq > this.#heard.to) this.#heard = { from: seq, to: seq }
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

  /** For whoever comes to the chat: at the first unread message, wherever it is, or at the end. */
  async open(): Promise<void> {
    if (this.loaded && !this.detached && !this.#leadsOn()) this.unload()
    return this.loaded ? this.fill() : this.load()
  }

  /** Whether one can read on in this window from where one has stopped. */
  #leadsOn(): boolean {
    const first = firstSeq(this.entries)
    if (this.newest - this.reach > GAP_MAX) return false
    return !this.summary.unread || !this.hasOlder || first <= this.summary.read_seq
  }

  /** The first window, unless one is on its way: around the first unread message, or the newest page. */
  async load(): Promise<void> {
    if (this.#loading) {
      await this.#loading
      if (this.loaded) return
    }
    return this.replace(() => this.loadFirst())
  }

  /** Windows are fetched one after another: of two at once the slower answer would be shown. */
  protected async replace(fetched: () => Promise<void>): Promise<void> {
    while (this.#loading) await this.#loading
    const loading = fetched()
    this.#loading = loading.catch(() => {}).finally(() => (this.#loading = undefined))
    return loading
  }

  /** Close the gap between the window and the newest entry, or learn what happened to the window meanwhile. */
  async fill(): Promise<void> {
    if (!this.loaded || this.isCurrent) return
    this.#filling ??= this.catchUp().finally(() => (this.#filling = undefined))
    return this.#filling
  }

  /** Whether the window lacks nothing: neither what continues it nor what was done with what it holds. */
  protected get isCurrent(): boolean {
    return (this.detached ? this.#current : this.reach) >= this.newest
  }

  /** Up to which entry nothing of the log is missing in a window that is not detached. */
  protected get reach(): number {
    return lastSeq(this.entries)
  }

  /** The window may leave off here: what is beyond its end is fetched as the reader comes down to it. */
  protected detach(current: number): void {
    this.detached = true
    this.#isCurrentTo(current)
  }

  #isCurrentTo(seq: number): void {
    const { from, to } = this.#heard
    this.#current = Math.max(this.#current, seq)
    if (from <= this.#current + 1) this.#current = Math.max(this.#current, to)
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

  /** Forget what lies far from the reader, who is at that entry; at one end, as the log keeps its place by the other. */
  trim(at: number, max = WINDOW_MAX): void {
    const reach = this.detached ? 0 : this.reach
    const last = lastSeq(this.entries)
    this.entries = dropFarther(this.entries, at, max)
    if (lastSeq(this.entries) < last) this.detach(reach)
  }

  // ---- What is done with messages --------------------------------------

  at(seq: number): Entry | undefined {
    return this.entries[indexOf(this.entries, seq)]
  }

  /** Messages take on what was done to them, be they in the window for long or since now. */
  protected hear(heard: readonly Entry[], personal: boolean): void {
    if (this.detached) this.#isCurrentTo(0)
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
    const known = this.newest
    const [before, after] = await Promise.all([
      this.fetch({ before: seq + 1, limit: AROUND }),
      this.fetch({ after: seq, limit: PAGE }),
    ])
    this.entries = [...before, ...after]
    this.newest = Math.max(this.newest, lastSeq(this.entries))
    this.detached = false
    if (after.length === PAGE && lastSeq(after) < this.newest) this.detach(known)
    this.loaded = true
    this.failed = false
    this.generation += 1
    void this.fill()
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
    this.#current = 0
  }

  /** Move the own read mark; false when it was there already. */
  markRead(seq: number): boolean {
    if (seq <= this.summary.read_seq) return false
    const unread = this.#unreadAfter(this.summary, seq)
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

  /** What the server says of the chat. It may not know of our newest mark yet: what was read since is not unread. */
  update(fetched: Chat): void {
    const known = this.summary
    const summary = merged(known, fetched)
    const isLate = fetched.seq >= known.seq && fetched.read_seq < known.read_seq
    this.summary = isLate ? { ...summary, unread: this.#unreadAfter(fetched, known.read_seq) } : summary
    this.newest = Math.max(this.newest, fetched.seq)
  }

  #unreadAfter(summary: Chat, seq: number): number {
    return unreadAfter(summary, seq, this.loaded ? this.entries : [], this.me)
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

  protected async loadFirst(): Promise<void> {
    if (!this.summary.unread) return this.loadNewest()
    try {
      await this.loadAround(this.summary.read_seq)
    } catch {
      this.failed = true
    }
  }

  protected async loadNewest(): Promise<void> {
    try {
      const window = await this.fetch({ limit: PAGE })
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

  protected async catchUp(): Promise<void> {
    try {
      if (!this.detached) await this.fillGap()
      if (this.loaded && this.detached && !this.isCurrent) await this.renew()
    } catch (error) {
      // Without a network the next hello asks again; anything else may pass by itself.
      if (error instanceof Problem && error.code === 'offline') return
      setTimeout(() => void this.fill(), FILL_AGAIN_MS)
    }
  }

  /** A long gap is only begun: the reader stays where they are, and what is further down comes as they come to it. */
  protected async fillGap(): Promise<void> {
    while (this.loaded && !this.detached && lastSeq(this.entries) < this.newest) {
      const have = lastSeq(this.entries)
      const isLong = this.newest - have > GAP_MAX
      const page = await this.fetch({ after: have, limit: PAGE_MAX })
      this.entries = append(this.entries, page)
      this.hear(page, true)
      if (lastSeq(this.entries) === have) return
      if (isLong && lastSeq(this.entries) < this.newest) this.detach(0)
    }
  }

  /** What was done with what the window holds while nobody listened: each of its messages as it is by now. */
  protected async renew(): Promise<void> {
    const { generation, newest } = this
    const last = lastSeq(this.entries)
    for (let after = firstSeq(this.entries) - 1; after < last;) {
      const page = await this.fetch({ after, limit: PAGE_MAX })
      if (this.generation !== generation || !this.loaded) return
      if (!page.length) break
      this.entries = withStates(this.entries, page, { me: this.me, personal: true })
      after = lastSeq(page)
    }
    this.#isCurrentTo(newest)
  }

  protected async fetch(query: { after?: number; before?: number; limit: number }): Promise<Entry[]> {
    const topic = this.topicId === undefined ? {} : { topic_id: this.topicId }
    const params = { path: { chat_id: this.id }, query: { ...query, ...topic } }
    const { entries } = await ok(api.GET('/v1/messaging/chats/{chat_id}/entries', { params }))
    return entries
  }
}
