// The comments on one post of a channel: messages of the group that is linked to it, whether or not one is in it. What is
// known of them is a window, as of any log.
import { AROUND, ChatModel, PAGE, PAGE_MAX } from './chat.svelte'
import { keyOfPost } from './drafts.svelte'
import { fetchThread } from './discussions'
import { appendSparse, firstSeq, GAP_MAX, lastSeq, prependSparse } from './log'
import { posts } from './posts.svelte'
import { renewed } from './states'
import type { Chat, Discussion, Entry, Unsent } from './types'

export class ThreadModel extends ChatModel {
  readonly channel: ChatModel
  override readonly post: number
  readonly discussion: Discussion
  readonly #group: () => Chat | undefined
  count = $state(0)
  #rootSeq = 0
  #reachesBeginning = $state(false)
  #summary: { from: Chat; shown: Chat } | undefined
  #again = false
  #refreshing: Promise<void> | undefined

  /** `group` is known to its members alone. */
  constructor(
    channel: ChatModel,
    post: number,
    discussion: Discussion,
    group: () => Chat | undefined,
    me: string,
  ) {
    super(seenFromOutside(channel.summary, discussion), me)
    this.channel = channel
    this.post = post
    this.discussion = discussion
    this.#group = group
  }

  /** The group's; nothing of it is unread here, since its marks are those of its whole log. */
  override get summary(): Chat {
    const group = this.#group()
    const from = group ?? this.channel.summary
    if (this.#summary?.from !== from) {
      const shown = group ? { ...group, unread: 0, mentions: [] } : seenFromOutside(from, this.discussion)
      this.#summary = { from, shown }
    }
    return this.#summary.shown
  }

  override set summary(_: Chat) {}

  override get joined(): boolean {
    return this.#group() !== undefined
  }

  override get knownAs(): string {
    return this.joined ? this.id : this.channel.id
  }

  override get unsent(): readonly Unsent[] {
    return this.channel.waiting.filter(({ post }) => post === this.post)
  }

  override get writtenTo(): string {
    return this.channel.id
  }

  override get draftKey(): string {
    return keyOfPost(this.channel.id, this.post)
  }

  override get hasOlder(): boolean {
    return !this.#reachesBeginning
  }

  override get remembered(): readonly Entry[] {
    return []
  }

  override get readSeq(): number {
    return Infinity
  }

  override markRead(): boolean {
    return false
  }

  /** News of the group, which its members hear. Which of them are comments the server says. */
  override receive(entries: readonly Entry[]): boolean {
    if (this.loaded) this.hear(entries, false)
    return true
  }

  override async fill(): Promise<void> {}

  protected override hear(heard: readonly Entry[], personal: boolean): void {
    const shown = heard.map((entry) => {
      const message = entry.message as Entry | null | undefined
      return message ? { ...entry, message: this.#withoutRoot(message) } : entry
    })
    super.hear(shown as readonly Entry[], personal)
  }

  override know(state: Entry): void {
    super.know(this.#withoutRoot(state))
  }

  /** Something in the thread is different. Asked for meanwhile, once more. */
  async refresh(): Promise<void> {
    this.#again = true
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  async #refresh(): Promise<void> {
    while (this.#again && this.loaded) {
      this.#again = false
      const known = this.count
      if (this.detached) await this.fetch({ limit: 1 })
      else await this.#refreshEnd()
      // Which of them are gone is not said.
      if (this.count < known) await this.#refreshAll()
    }
  }

  /** The newest comments as they are now, and all between them and what is known. */
  async #refreshEnd(): Promise<void> {
    const page = await this.fetch({ limit: PAGE_MAX })
    // The reader has gone elsewhere meanwhile.
    if (this.detached) return
    const [first, last] = [firstSeq(this.entries), lastSeq(this.entries)]
    if (!last) return this.#show(page, page.length < PAGE_MAX)
    const from = firstSeq(page)
    if (last >= from || page.length < PAGE_MAX)
      this.entries = renewed(this.entries, page, page.length < PAGE_MAX ? first : Math.max(first, from))
    else await this.#closeGap()
  }

  async #closeGap(): Promise<void> {
    const { generation } = this
    for (let fetched = 0; fetched < GAP_MAX; fetched += PAGE_MAX) {
      const page = await this.fetch({ after: lastSeq(this.entries), limit: PAGE_MAX })
      if (this.generation !== generation) return
      this.entries = appendSparse(this.entries, page)
      if (page.length < PAGE_MAX) return
    }
    // The reader stays where they are, and reads on from there.
    this.detached = true
  }

  async #refreshAll(): Promise<void> {
    const last = lastSeq(this.entries)
    let after = firstSeq(this.entries) - 1
    while (after < last) {
      const page = await this.fetch({ after, limit: PAGE_MAX })
      const to = page.length < PAGE_MAX ? last : Math.min(last, lastSeq(page))
      this.entries = renewed(this.entries, page, after + 1, to)
      after = to
    }
  }

  override async loadOlder(): Promise<void> {
    if (!this.loaded || this.loadingOlder || !this.hasOlder) return
    this.loadingOlder = true
    try {
      const older = await this.fetch({ before: firstSeq(this.entries), limit: PAGE_MAX })
      this.entries = prependSparse(this.entries, older)
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
      const newer = await this.fetch({ after: lastSeq(this.entries), limit: PAGE_MAX })
      this.entries = appendSparse(this.entries, newer)
      this.detached = newer.length === PAGE_MAX
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

  /** The first comments, and above them the post. */
  async toPost(): Promise<void> {
    if (this.hasOlder) await this.replace(() => this.#loadOldest())
    this.aim = 0
  }

  async #loadOldest(): Promise<void> {
    const page = await this.fetch({ after: 0, limit: PAGE })
    this.#show(page, true)
    this.detached = page.length === PAGE
  }

  protected override async loadAround(seq: number): Promise<void> {
    const [before, after] = await Promise.all([
      this.fetch({ before: seq + 1, limit: AROUND }),
      this.fetch({ after: seq, limit: AROUND }),
    ])
    this.#show([...before, ...after], before.length < AROUND)
    this.detached = after.length === AROUND
  }

  protected override async loadNewest(): Promise<void> {
    try {
      const page = await this.fetch({ limit: PAGE })
      this.#show(page, page.length < PAGE)
      this.detached = false
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

  protected override async fetch(query: {
    after?: number
    before?: number
    limit: number
  }): Promise<Entry[]> {
    const thread = await fetchThread(this.channel.id, this.post, query)
    this.#rootSeq = thread.root_seq
    this.count = thread.comments
    posts.count(this.channel.id, this.post, thread.comments)
    return thread.entries.map((entry) => this.#withoutRoot(entry))
  }

  /** What answers the post itself does not quote it: it stands above all of them. */
  #withoutRoot(entry: Entry): Entry {
    if (entry.reply_to !== this.#rootSeq) return entry
    const { reply_to: _, ...rest } = entry
    return rest as Entry
  }
}

/** As whoever reads the channel sees the group without being in it. */
function seenFromOutside(channel: Chat, { group_id, title, rights }: Discussion): Chat {
  return {
    ...channel,
    id: group_id,
    kind: 'group',
    title,
    role: 'member',
    rights: rights ?? [],
    topics: false,
    mentions: [],
    unread: 0,
  }
}
