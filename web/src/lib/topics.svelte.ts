// The topics of a group: the list of them, and the log of each, which is a part of the group's one log.
import { api, ok } from './api'
import { AROUND, ChatModel, PAGE, PAGE_MAX } from './chat.svelte'
import { appendSparse, countUnread, firstSeq, GAP_MAX, lastSeq, prependSparse } from './log'
import { unreadOf, withMentions, withoutMentions } from './mentions'
import { pinsOf } from './messages'
import { topicName } from './titles'
import { beforeTopic, GENERAL, topicOf, withPage, withTopicEntry } from './topics'
import type { Chat, Entry, Topic, Unsent } from './types'

/** The topics whose logs are kept while others are looked at. */
const LOGS_MAX = 6

/** One topic's log. Its window leaves out what is of other topics, so it remembers how far it knows the group's log. */
export class TopicModel extends ChatModel {
  override readonly topicId: number
  topic = $state.raw<Topic>()!
  readonly group: ChatModel
  /** Up to this entry of the group's log nothing of the topic is missing. */
  #have = 0
  #reachesBeginning = false
  #renewing: Promise<void> | undefined
  #renewAgain = false
  #summary: { group: Chat; topic: Topic; shown: Chat } | undefined

  constructor(group: ChatModel, topic: Topic, me: string) {
    super(group.summary, me)
    this.group = group
    this.topic = topic
    this.topicId = topic.id
  }

  /** The group's, with what is the topic's own. No `$derived`: it would end with the effect in which this was made. */
  override get summary(): Chat {
    const [group, topic] = [this.group.summary, this.topic]
    if (this.#summary?.group !== group || this.#summary.topic !== topic)
      this.#summary = { group, topic, shown: shownAs(group, topic) }
    return this.#summary.shown
  }

  /** It follows from the group's and the topic's. */
  override set summary(_: Chat) {}

  override get unsent(): readonly Unsent[] {
    return this.group.unsent.filter((message) => (message.topic_id ?? GENERAL) === this.topicId)
  }

  override get draftKey(): string {
    return `${this.id}.${this.topicId}`
  }

  override get hasOlder(): boolean {
    return !this.#reachesBeginning
  }

  /** Entries of the group, in order. */
  override receive(entries: readonly Entry[]): boolean {
    const mine: Entry[] = []
    for (const entry of entries) {
      this.listen(entry)
      if (entry.kind === 'message') this.stopTyping(entry.sender_id)
      if (entry.kind === 'moved') this.#moved(entry)
      if (entry.seq !== this.#have + 1) continue
      this.#have = entry.seq
      if (topicOf(entry) === this.topicId) mine.push(entry)
    }
    if (this.loaded) {
      if (!this.detached) this.entries = appendSparse(this.entries, mine)
      this.hear(entries, false)
      void this.fill()
    }
    return true
  }

  /** A message left the topic, or came to it: then the server knows best how it is to be shown to this person. */
  #moved(entry: Entry): void {
    if (topicOf(entry) !== this.topicId) this.entries = this.entries.filter(({ seq }) => seq !== entry.target)
    if (this.loaded) void this.renew().catch(() => {})
  }

  /** The window as the topic is now. What moves while that is asked for has it asked for once more. */
  protected override async renew(): Promise<void> {
    this.#renewAgain = true
    this.#renewing ??= this.#renewAll().finally(() => (this.#renewing = undefined))
    return this.#renewing
  }

  async #renewAll(): Promise<void> {
    while (this.#renewAgain) {
      this.#renewAgain = false
      await this.#renewOnce()
    }
  }

  async #renewOnce(): Promise<void> {
    const { generation, newest } = this
    const last = this.detached ? lastSeq(this.entries) : newest
    let from = this.#reachesBeginning ? 1 : firstSeq(this.entries)
    while (from && from <= last) {
      const page = await this.fetch({ after: from - 1, limit: PAGE_MAX })
      if (this.generation !== generation || !this.loaded) return
      const to = page.length < PAGE_MAX ? last : Math.min(last, lastSeq(page))
      this.entries = withPage(this.entries, page, from, to, this.me)
      from = to + 1
    }
    if (this.detached) this.detach(newest)
  }

  protected override get reach(): number {
    return this.#have
  }

  override async loadOlder(): Promise<void> {
    if (!this.loaded || this.loadingOlder || !this.hasOlder) return
    this.loadingOlder = true
    try {
      const first = firstSeq(this.entries)
      const older = await this.fetch({ ...(first ? { before: first } : {}), limit: PAGE_MAX })
      const known = this.entries
      this.entries = prependSparse(known, older)
      this.#reachesBeginning = older.length < PAGE_MAX
      this.failed = false
    } catch {
      this.failed = true
    } finally {
      this.loadingOlder = false
    }
  }

  override async loadNewer(): Promise<void> {
    if (!this.detached || this.loadingNewer) return
    this.loadingNewer = true
    try {
      const known = this.newest
      const newer = await this.fetch({ after: lastSeq(this.entries), limit: PAGE_MAX })
      this.entries = appendSparse(this.entries, newer)
      this.hear(newer, true)
      if (newer.length < PAGE_MAX) {
        this.#have = Math.max(known, lastSeq(newer))
        this.detached = false
        void this.fill()
      }
    } catch {
      // The next scroll asks again.
    } finally {
      this.loadingNewer = false
    }
  }

  override trim(at: number, max?: number): void {
    const first = firstSeq(this.entries)
    super.trim(at, max)
    if (firstSeq(this.entries) !== first) this.#reachesBeginning = false
  }

  override get remembered(): readonly Entry[] {
    return []
  }

  override async loadPins(): Promise<void> {
    try {
      this.pins = (await pinsOf(this.id)).filter((entry) => topicOf(entry) === this.topicId)
    } catch {
      this.pins ??= []
    }
  }

  override markRead(seq: number): boolean {
    const { read_seq, unread } = this.topic
    if (seq <= read_seq) return false
    const left = this.#unreadAfter(seq)
    const mentions = unreadOf(this.topic.mentions, seq)
    const read = withoutMentions(this.topic.mentions, mentions)
    this.topic = { ...this.topic, read_seq: seq, unread: Math.min(left, unread), mentions }
    const group = this.group.summary
    this.group.summary = {
      ...group,
      unread: Math.max(0, group.unread - (unread - this.topic.unread)),
      mentions: withoutMentions(group.mentions, read),
    }
    return true
  }

  /** As exactly as the window can tell: from its end, or from what lies between the two marks. */
  #unreadAfter(seq: number): number {
    const { read_seq, unread } = this.topic
    const reaches = (place: number): boolean => !this.hasOlder || firstSeq(this.entries) <= place + 1
    if (!this.loaded) return unread
    if (!this.detached && reaches(seq)) return countUnread(this.entries, seq, this.me)
    if (!reaches(read_seq) || lastSeq(this.entries) < seq) return unread
    return Math.max(0, unread - countUnread(this.entries, read_seq, this.me, seq))
  }

  override markReadByOthers(seq: number): void {
    if (seq > this.topic.others_read_seq) this.topic = { ...this.topic, others_read_seq: seq }
  }

  override hide(seqs: readonly number[], hidden: number): void {
    super.hide(seqs, hidden)
    const last = this.topic.last_entry
    const mentions = withoutMentions(this.topic.mentions, seqs)
    const last_entry = last && seqs.includes(last.seq) ? { ...last, text: '', hidden: true } : last
    this.topic = { ...this.topic, last_entry, mentions }
  }

  override unload(): void {
    super.unload()
    this.#reachesBeginning = false
  }

  protected override async loadAround(seq: number): Promise<void> {
    const known = this.newest
    const [before, after] = await Promise.all([
      this.fetch({ before: seq + 1, limit: AROUND }),
      this.fetch({ after: seq, limit: PAGE }),
    ])
    this.#show([...before, ...after], before.length < AROUND)
    this.detached = false
    if (after.length === PAGE) this.detach(known)
    this.#have = this.detached ? 0 : Math.max(known, lastSeq(after))
    void this.fill()
  }

  protected override async loadNewest(): Promise<void> {
    try {
      const known = this.newest
      const window = await this.fetch({ limit: PAGE })
      this.#show(window, window.length < PAGE)
      this.detached = false
      this.#have = Math.max(known, lastSeq(window))
      void this.fill()
    } catch {
      this.failed = true
    }
  }

  #show(window: readonly Entry[], reachesBeginning: boolean): void {
    this.entries = window
    this.#reachesBeginning = reachesBeginning
    this.loaded = true
    this.failed = false
    this.generation += 1
  }

  /** How much of a gap is the topic's is not known before it is read. */
  protected override async fillGap(): Promise<void> {
    const missed = this.#have < this.newest
    for (let fetched = 0; this.loaded && !this.detached && this.#have < this.newest; fetched += PAGE_MAX) {
      const known = this.newest
      if (fetched >= GAP_MAX) return this.detach(0)
      const page = await this.fetch({ after: this.#have, limit: PAGE_MAX })
      this.entries = appendSparse(this.entries, page)
      this.hear(page, true)
      this.#have = page.length < PAGE_MAX ? Math.max(known, lastSeq(page)) : lastSeq(page)
    }
    // A page tells of messages alone, and not of what was done meanwhile with those before it.
    if (missed && this.loaded) await this.renew()
  }
}

function shownAs(group: Chat, topic: Topic): Chat {
  return {
    ...group,
    title: topicName(topic),
    unread: topic.unread,
    read_seq: topic.read_seq,
    others_read_seq: topic.others_read_seq,
    mentions: topic.mentions ?? [],
    rights: group.rights.filter((right) => right !== 'send' || topic.may_write),
  }
}

/** A group's topics, known once it has been opened. */
export class GroupTopics {
  readonly group: ChatModel
  loaded = $state(false)
  failed = $state(false)
  list = $state.raw<readonly Topic[]>([])
  readonly #me: string
  #logs = new Map<number, TopicModel>()
  #loading: Promise<void> | undefined
  #again = false

  constructor(group: ChatModel, me: string) {
    this.group = group
    this.#me = me
  }

  get sorted(): Topic[] {
    return [...this.list].sort(beforeTopic)
  }

  find(id: number): Topic | undefined {
    return this.list.find((topic) => topic.id === id)
  }

  /** Asked for while it is on its way, it is asked for once more. */
  async load(): Promise<void> {
    this.#again = true
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined))
    return this.#loading
  }

  async #load(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false
        const params = { path: { chat_id: this.group.id } }
        const { topics } = await ok(api.GET('/v1/messaging/chats/{chat_id}/topics', { params }))
        this.list = topics
        this.loaded = true
        this.failed = false
        for (const topic of topics) this.#tell(topic)
      }
    } catch (error) {
      this.failed = !this.loaded
      if (this.failed) throw error
    }
  }

  know(topic: Topic): void {
    this.list = [...this.list.filter(({ id }) => id !== topic.id), topic]
    this.#tell(topic)
  }

  #tell(topic: Topic): void {
    const log = this.#logs.get(topic.id)
    if (log) log.topic = topic
  }

  /** The log of a topic; it is loaded when it is opened. */
  log(topic: Topic): TopicModel {
    const log = this.#logs.get(topic.id) ?? new TopicModel(this.group, topic, this.#me)
    log.newest = Math.max(log.newest, this.group.newest)
    this.#logs.delete(topic.id)
    this.#logs.set(topic.id, log)
    const oldest = this.#logs.keys().next().value
    if (this.#logs.size > LOGS_MAX && oldest !== undefined) this.#logs.delete(oldest)
    return log
  }

  logs(): TopicModel[] {
    return [...this.#logs.values()]
  }

  /** Entries of the group, in order. */
  receive(entries: readonly Entry[]): void {
    for (const log of this.#logs.values()) log.receive(entries)
    for (const entry of entries) {
      const known = this.find(topicOf(entry))
      const next = known && withTopicEntry(known, entry, this.#me)
      if (next && next !== known) this.know(next)
      if (entry.kind.startsWith('topic_') || (entry.kind === 'message' && !known)) void this.#refresh()
    }
  }

  /** Somebody types in a topic. False where that is not to be seen: in one that is hidden from this person, or may be. */
  type(topicId: number, userId: string): boolean {
    const topic = this.find(topicId)
    const isHidden = topic ? topic.hidden : topicId === GENERAL
    if (isHidden && !this.group.summary.rights.includes('topics')) return false
    this.#logs.get(topicId)?.startTyping(userId)
    return true
  }

  hearMentions(topicId: number, seqs: readonly number[], gone: boolean): void {
    const topic = this.find(topicId)
    if (!topic) return
    const { mentions, read_seq } = topic
    this.know({
      ...topic,
      mentions: gone ? withoutMentions(mentions, seqs) : withMentions(mentions, seqs, read_seq),
    })
  }

  /** A read mark of this topic, or of all of them. */
  read(topicId: number | undefined, seq: number, mine: boolean): void {
    if (mine) return void this.#refresh()
    for (const topic of this.list)
      if ((topicId === undefined || topic.id === topicId) && seq > topic.others_read_seq)
        this.know({ ...topic, others_read_seq: seq })
  }

  /** The log has marked itself. */
  marked(log: TopicModel): void {
    this.know(log.topic)
  }

  async #refresh(): Promise<void> {
    if (this.loaded) await this.load().catch(() => {})
  }

  refresh(): void {
    void this.#refresh()
  }
}
