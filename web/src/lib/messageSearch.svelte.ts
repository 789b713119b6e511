// One search in what was said: the words, the filters, and the pages that were found.
import { api, ok } from './api'
import { wordsFor } from './problems'
import type { FoundMessage, FoundMessages } from './types'

export type Period = 'week' | 'month'

const PAGE = 30
const TYPING_PAUSE_MS = 180
const DAYS: Record<Period, number> = { week: 7, month: 30 }

/** Only what can be looked for: the server asks for a letter or a digit. */
const WORD = /[\p{L}\p{N}]/u

export class MessageSearch {
  words = $state('')
  /** Only in this chat; everywhere without. */
  chatId = $state<string>()
  senderId = $state<string>()
  links = $state(false)
  period = $state<Period>()
  found = $state.raw<readonly FoundMessage[]>()
  complete = $state(true)
  failure = $state('')
  loadingMore = $state(false)
  hasMore = $state(false)
  readonly asks = $derived(WORD.test(this.words) || this.filtered || this.links)
  #cursor: string | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Answers to older questions come too late. */
  #asked = 0

  /** With one, what is looked for in the chat is looked for in this topic alone. */
  readonly topicId: number | undefined
  /** It is about links from the start: that is no filter, and stays when the filters are dropped. */
  readonly linksAlone: boolean

  constructor(chatId?: string, topicId?: number, linksAlone = false) {
    this.chatId = chatId
    this.topicId = topicId
    this.linksAlone = linksAlone
    this.links = linksAlone
  }

  get filtered(): boolean {
    return this.links !== this.linksAlone || this.senderId !== undefined || this.period !== undefined
  }

  dropFilters(): void {
    this.links = this.linksAlone
    this.senderId = undefined
    this.period = undefined
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
      const page = await this.#page('')
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
      const page = await this.#page(this.#cursor)
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

  #page(cursor: string): Promise<FoundMessages> {
    const since = this.period && new Date(Date.now() - DAYS[this.period] * 86_400_000).toISOString()
    return ok(
      api.POST('/v1/messaging/search', {
        body: {
          words: this.words,
          limit: PAGE,
          cursor,
          ...(this.chatId ? { chat_id: this.chatId } : {}),
          ...(this.chatId && this.topicId !== undefined ? { topic_id: this.topicId } : {}),
          ...(this.senderId ? { sender_id: this.senderId } : {}),
          ...(this.links ? { has: 'link' as const } : {}),
          ...(since ? { since } : {}),
        },
      }),
    )
  }
}
