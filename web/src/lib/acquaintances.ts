// Getting to know people: whoever speaks in a chat, or is spoken of, and is not known here yet.
import { api, ok } from './api'
import type { ChatModel } from './chat.svelte'
import { knows, meet } from './people.svelte'
import { peopleNow } from './persons'
import type { Entry } from './types'

const MEMBERS_PAGE = 200
const MEMBERS_PAGES_MAX = 5
/** More strangers than this at once are met when their next entries come. */
const STRANGERS_MAX = 20

export class Acquaintances {
  /** Ids whose names we have asked for once; whoever left long ago stays nameless. */
  #asked = new Set<string>()

  /** Who is in a group that is being opened, and who speaks there without being in it. */
  async meetMembers(chat: ChatModel): Promise<void> {
    const { members_count, people } = chat.summary
    // Large and hidden ones name nobody: whoever speaks is met then.
    if (people.length && members_count > people.length) await this.#members(chat.id).catch(() => {})
    await this.meetSpeakers(chat.entries)
  }

  /** Somebody whom a message names. */
  async meetPerson(id: string): Promise<void> {
    if (knows(id) || this.#asked.has(id)) return
    this.#asked.add(id)
    await peopleNow([id])
  }

  async #members(chatId: string): Promise<void> {
    let cursor: string | null = null
    for (let page = 0; page < MEMBERS_PAGES_MAX; page += 1) {
      const query: { limit: number; cursor?: string } = { limit: MEMBERS_PAGE, ...(cursor ? { cursor } : {}) }
      const params = { path: { chat_id: chatId }, query }
      const answer = await ok(api.GET('/v1/messaging/chats/{chat_id}/members', { params }))
      meet(answer.members)
      cursor = answer.next_cursor ?? null
      if (cursor === null) break
    }
  }

  /** Whoever these say something of. */
  async meetSpeakers(entries: readonly Entry[]): Promise<void> {
    // Whoever has left a group is not among its members.
    await peopleNow(this.#strangers(entries))
  }

  #strangers(entries: readonly Entry[]): string[] {
    const ids = new Set(
      entries.flatMap((entry) => [
        // What is the chat's own word, or a webhook's, is nobody's.
        ...(entry.sender_id === entry.chat_id || entry.webhook ? [] : [entry.sender_id]),
        ...(entry.user_ids ?? []),
        ...(entry.forward?.sender_id ? [entry.forward.sender_id] : []),
        ...(entry.card?.type === 'contact' ? [entry.card.user_id] : []),
      ]),
    )
    const strangers = [...ids].filter((id) => !knows(id) && !this.#asked.has(id)).slice(0, STRANGERS_MAX)
    for (const id of strangers) this.#asked.add(id)
    return strangers
  }
}
