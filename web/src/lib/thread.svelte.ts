// The comments on one post of a channel: messages of the group that is linked to it, whether or not one is in it.
import { ChatModel, PAGE, PAGE_MAX } from './chat.svelte'
import { fetchThread, writeComment, type NewComment } from './discussions'
import { firstSeq } from './log'
import { posts } from './posts.svelte'
import type { Chat, Discussion, Entry } from './types'

export class ThreadModel extends ChatModel {
  readonly channel: ChatModel
  readonly post: number
  readonly discussion: Discussion
  readonly #group: () => Chat | undefined
  rootSeq = $state(0)
  count = $state(0)
  #reachesBeginning = $state(false)
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

  override get summary(): Chat {
    return this.#group() ?? seenFromOutside(this.channel.summary, this.discussion)
  }

  override set summary(_: Chat) {}

  get joined(): boolean {
    return this.#group() !== undefined
  }

  override get draftKey(): string {
    return `${this.id}.post-${this.post}`
  }

  override get hasOlder(): boolean {
    return !this.#reachesBeginning
  }

  /** The newest comments anew, since something in the thread is different. Asked for meanwhile, once more. */
  async refresh(): Promise<void> {
    this.#again = true
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  async #refresh(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false
        const limit = this.loaded ? PAGE_MAX : PAGE
        const thread = await fetchThread(this.channel.id, this.post, { limit })
        this.rootSeq = thread.root_seq
        this.count = thread.comments
        posts.count(this.channel.id, this.post, thread.comments)
        const from = firstSeq(thread.entries)
        const whole = thread.entries.length < limit
        this.entries = [...(whole ? [] : this.entries.filter(({ seq }) => seq < from)), ...thread.entries]
        if (!this.loaded || whole) this.#reachesBeginning = whole
        this.loaded = true
        this.failed = false
      }
    } catch (error) {
      this.failed = !this.loaded
      throw error
    }
  }

  override async loadOlder(): Promise<void> {
    if (!this.loaded || this.loadingOlder || !this.hasOlder) return
    this.loadingOlder = true
    try {
      const query = { before: firstSeq(this.entries), limit: PAGE }
      const { entries } = await fetchThread(this.channel.id, this.post, query)
      this.entries = [...entries, ...this.entries]
      this.#reachesBeginning = entries.length < PAGE
    } finally {
      this.loadingOlder = false
    }
  }

  override comment = async (wanted: NewComment): Promise<Entry> => {
    const entry = await writeComment(this.channel.id, this.post, wanted)
    await this.refresh()
    return entry
  }

  override get remembered(): readonly Entry[] {
    return []
  }
}

/** As whoever reads the channel sees the group without being in it. */
function seenFromOutside(channel: Chat, { group_id, title }: Discussion): Chat {
  return { ...channel, id: group_id, kind: 'group', title, role: 'member', rights: ['send'], topics: false }
}
