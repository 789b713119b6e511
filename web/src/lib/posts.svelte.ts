// How posts of channels stand: by how many people each has been seen. Showing a post is what counts one as a viewer.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import type { PostCounts } from './types'

const GATHER_MS = 300
const SEQS_MAX = 100
/** A post that comes into sight again is asked about again after this long. */
const FRESH_MS = 30_000
const KNOWN_MAX = 2000

class Posts {
  #counts = new SvelteMap<string, PostCounts>()
  #askedAt = new Map<string, number>()
  #waiting = new Map<string, Set<number>>()
  #timer: ReturnType<typeof setTimeout> | undefined

  of(chatId: string, seq: number): PostCounts | undefined {
    return this.#counts.get(key(chatId, seq))
  }

  /** The post is on the screen. */
  see(chatId: string, seq: number): void {
    const now = performance.now()
    const asked = this.#askedAt.get(key(chatId, seq))
    if (asked !== undefined && now - asked < FRESH_MS) return
    if (this.#askedAt.size > KNOWN_MAX) this.clear()
    this.#askedAt.set(key(chatId, seq), now)
    const waiting = this.#waiting.get(chatId) ?? new Set()
    this.#waiting.set(chatId, waiting.add(seq))
    this.#timer ??= setTimeout(this.#ask, GATHER_MS)
  }

  hear(chatId: string, posts: readonly PostCounts[]): void {
    for (const post of posts) {
      const known = this.of(chatId, post.seq)
      // An answer that was long on its way must not take back what has been heard since.
      if (!known || post.views >= known.views) this.#counts.set(key(chatId, post.seq), post)
    }
  }

  /** What the thread of a post says of itself. */
  count(chatId: string, seq: number, comments: number): void {
    const known = this.of(chatId, seq)
    if (known && known.comments !== comments) this.#counts.set(key(chatId, seq), { ...known, comments })
  }

  clear(): void {
    this.#counts.clear()
    this.#askedAt.clear()
    this.#waiting.clear()
  }

  #ask = (): void => {
    this.#timer = undefined
    if (document.visibilityState !== 'visible') {
      addEventListener('visibilitychange', this.#ask, { once: true })
      return
    }
    for (const [chatId, seqs] of this.#waiting) {
      const all = [...seqs]
      for (let start = 0; start < all.length; start += SEQS_MAX)
        void this.#view(chatId, all.slice(start, start + SEQS_MAX))
    }
    this.#waiting.clear()
  }

  async #view(chat_id: string, seqs: number[]): Promise<void> {
    try {
      const params = { path: { chat_id } }
      const { posts } = await ok(api.POST('/v1/messaging/chats/{chat_id}/views', { params, body: { seqs } }))
      this.hear(chat_id, posts)
    } catch {
      // Whoever scrolls here again asks again.
      for (const seq of seqs) this.#askedAt.delete(key(chat_id, seq))
    }
  }
}

function key(chatId: string, seq: number): string {
  return `${chatId}:${seq}`
}

export const posts = new Posts()
