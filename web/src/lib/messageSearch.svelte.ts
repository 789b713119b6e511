// One search in what was said: the words, the filters, and the pages that were found.
import { api, ok } from './api'
import { wordsFor } from './problems'
import { momentsOf, type Carried, type Days } from './searchFilters'
import type { FoundMessage, FoundMessages } from './types'

export type Period = 'week' | 'month'

const PAGE = 30
const TYPING_PAUSE_MS = 180
/** So many pages without a message are passed over before the reader is asked. */
const EMPTY_PAGES_MAX = 5
const DAYS: Record<Period, number> = { week: 7, month: 30 }

/** Only what can be looked for: the server asks for a letter or a digit. */
const WORD = /[\p{L}\p{N}]/u

export class MessageSearch {
  words = $state('')
  /** Only in this chat; everywhere without. */
  chatId = $state<string>()
  senderId = $state<string>()
  has = $state<Carried>()
  period = $state<Period>()
  /** Instead of a period. */
  days = $state.raw<Days>({ from: '', to: '' })
  found = $state.raw<readonly FoundMessage[]>()
  complete = $state(true)
  failure = $state('')
  loadingMore = $state(false)
  hasMore = $state(false)
  readonly asks = $derived(WORD.test(this.words) || this.filtered || this.has !== undefined)
  #cursor: string | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Answers to older questions come too late. */
  #asked = 0

  /** With one, what is looked for in the chat is looked for in this topic alone. */
  readonly topicId: number | undefined
  /** It is about links from the start: that is no filter, and stays when the filters are dropped. */
  readonly linksAlone: boolean

  /** Where it began: to be in this chat is no filter. */
  readonly home: string | undefined

  constructor(chatId?: string, topicId?: number, linksAlone = false) {
    this.chatId = chatId
    this.home = chatId
    this.topicId = topicId
    this.linksAlone = linksAlone
    if (linksAlone) this.has = 'link'
  }

  get filtered(): boolean {
    return (
      this.has !== (this.linksAlone ? 'link' : undefined) ||
      this.senderId !== undefined ||
      this.period !== undefined ||
      this.dated
    )
  }

  get dated(): boolean {
    return this.days.from !== '' || this.days.to !== ''
  }

  /** In a chat that was picked, and not in the one where it began. */
  get elsewhere(): boolean {
    return this.chatId !== undefined && this.chatId !== this.home
  }

  choosePeriod(period: Period | undefined): void {
    this.period = period
    this.days = { from: '', to: '' }
  }

  chooseDays(days: Days): void {
    this.days = days
    if (this.dated) this.period = undefined
  }

  dropFilters(): void {
    this.has = this.linksAlone ? 'link' : undefined
    this.senderId = undefined
    if (this.elsewhere) this.chatId = this.home
    this.choosePeriod(undefined)
  }

  /** Ask anew as soon as nobody types. */
  askSoon(): void {
    clearTimeout(this.#timer)
    this.#asked += 1
    if (!this.asks) {
      this.found = undefined
      this.failure = ''
      return
    }
    this.#timer = setTimeout(() => void this.ask(), TYPING_PAUSE_MS)
  }

  async ask(): Promise<void> {
    const asked = ++this.#asked
    try {
      let page = await this.page('')
      // What the index proposed may all have been something else by then: beyond it there may be more.
      for (let pages = 1; !page.messages.length && page.next_cursor && pages < EMPTY_PAGES_MAX; pages += 1) {
        if (asked !== this.#asked) return
        page = await this.page(page.next_cursor)
      }
      if (asked !== this.#asked) return
      this.#take([], page)
    } catch (error) {
      if (asked !== this.#asked) return
      this.failure = wordsFor(error)
      this.found = undefined
    }
  }

  async more(): Promise<void> {
    if (!this.found || this.#cursor === null || this.loadingMore) return
    const asked = this.#asked
    this.loadingMore = true
    try {
      const page = await this.page(this.#cursor)
      if (asked === this.#asked) this.#take(this.found, page)
    } catch (error) {
      if (asked === this.#asked) this.failure = wordsFor(error)
    } finally {
      this.loadingMore = false
    }
  }

  #take(before: readonly FoundMessage[], page: FoundMessages): void {
    this.found = [...before, ...page.messages]
    this.#cursor = page.next_cursor ?? null
    this.hasMore = this.#cursor !== null
    this.complete = page.complete
    this.failure = ''
  }

  protected page(cursor: string): Promise<FoundMessages> {
    const moments = this.period
      ? { since: new Date(Date.now() - DAYS[this.period] * 86_400_000).toISOString() }
      : momentsOf(this.days)
    // A topic is one of the chat in which it began.
    const inTopic = this.chatId !== undefined && !this.elsewhere && this.topicId !== undefined
    return ok(
      api.POST('/v1/messaging/search', {
        body: {
          words: this.words,
          limit: PAGE,
          cursor,
          ...(this.chatId ? { chat_id: this.chatId } : {}),
          ...(inTopic ? { topic_id: this.topicId } : {}),
          ...(this.senderId ? { sender_id: this.senderId } : {}),
          ...(this.has ? { has: this.has } : {}),
          ...moments,
        },
      }),
    )
  }
}
