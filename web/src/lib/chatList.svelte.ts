// The list of chats: loaded page by page, in the order in which they stand, with what is known of each.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import { ChatModel } from './chat.svelte'
import { before, isSilent, isUnread } from './order'
import { meet, meetChat } from './people.svelte'
import type { Chat } from './types'

const LIST_PAGE = 100
const LIST_PAGES_MAX = 20

export class ChatList {
  readonly me: string
  readonly chats = new SvelteMap<string, ChatModel>()
  loaded = $state(false)
  /** The list could not be loaded and there is nothing to show. */
  failed = $state(false)
  cursor = $state<string | null>(null)
  /** The chat that is on screen. */
  openId = $state<string>()
  sorted = $derived([...this.chats.values()].sort((a, b) => before(a.summary, b.summary)))
  unreadChats = $derived(
    this.sorted.filter(({ summary }) => isUnread(summary) && !summary.archived && !isSilent(summary)).length,
  )
  readonly #appeared: (chat: ChatModel) => void
  #first: Promise<boolean> | undefined
  #pages: Promise<void> | undefined

  constructor(me: string, appeared: (chat: ChatModel) => void) {
    this.me = me
    this.#appeared = appeared
  }

  async loadFirst(): Promise<void> {
    this.#first ??= this.#loadPage(null)
      .then(() => (this.loaded = true))
      .catch(() => false)
      .finally(() => (this.#first = undefined))
    this.failed = !(await this.#first) && !this.loaded
  }

  /** Every chat, page by page: whoever chooses among them has to see them all. */
  async loadAll(): Promise<void> {
    for (let cursor: string | null = ''; this.cursor !== null && this.cursor !== cursor;) {
      cursor = this.cursor
      await this.loadMore()
    }
  }

  /** The next page of older chats. */
  async loadMore(): Promise<void> {
    if (!this.loaded || this.cursor === null) return
    this.#pages ??= this.#loadPage(this.cursor)
      .then(() => undefined)
      .catch(() => undefined)
      .finally(() => (this.#pages = undefined))
    await this.#pages
  }

  async #loadPage(cursor: string | null): Promise<Chat[]> {
    const query = { limit: LIST_PAGE, ...(cursor ? { cursor } : {}) }
    const page = await ok(api.GET('/v1/messaging/chats', { params: { query } }))
    for (const chat of page.chats) this.put(chat)
    this.cursor = page.next_cursor ?? null
    return page.chats
  }

  /** Fetch the top of the list until every chat of which the server named newer entries is current. */
  async refreshTop(stale: Set<string>): Promise<void> {
    const tail = this.cursor
    const deepest = this.sorted.length
    let seen = 0
    let cursor: string | null = null
    for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
      const chats: Chat[] = await this.#loadPage(cursor)
      cursor = this.cursor
      seen += chats.length
      for (const { id } of chats) stale.delete(id)
      if (stale.size === 0 || cursor === null) break
    }
    // We only went over the top again: the way to the rest of the list is as before.
    if (seen < deepest) this.cursor = tail
  }

  /** What the server says of a chat, be it known already or not. */
  put(fetched: Chat): ChatModel {
    meet(fetched.people)
    meetChat(fetched)
    // What is posted in a channel is the channel's own word.
    if (fetched.kind === 'channel')
      meet([{ id: fetched.id, username: fetched.name, display_name: fetched.title, avatar_colour: null }])
    let chat = this.chats.get(fetched.id)
    if (chat) {
      if (chat.loaded && fetched.hidden !== chat.summary.hidden) void this.#forgetHidden(chat)
      chat.update(fetched)
    } else {
      chat = new ChatModel(fetched, this.me)
      this.#appeared(chat)
      this.chats.set(fetched.id, chat)
    }
    return chat
  }

  /** Another device has deleted messages for oneself meanwhile: what is here of the log may still hold them. */
  async #forgetHidden(chat: ChatModel): Promise<void> {
    chat.unload()
    if (this.openId === chat.id) await chat.load()
  }

  async refresh(chatId: string): Promise<ChatModel> {
    return this.put(
      await ok(api.GET('/v1/messaging/chats/{chat_id}', { params: { path: { chat_id: chatId } } })),
    )
  }
}
