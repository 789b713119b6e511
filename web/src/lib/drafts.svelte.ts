// What people began to write, what it answers, and the files that they laid beside it, per chat, topic and post that is
// commented on: kept in this browser at once, and on their other devices a moment later.
// The one written last stays, wherever it was written; an empty one too, so that what was sent does not come back.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import { lacksMedia } from './outgoing'
import { Problem } from './problems'
import { trays } from './tray.svelte'
import type { Draft, GivenAttachment } from './types'

const PREFIX = 'kaif.draft.'
const AT_PREFIX = 'kaif.draft-at.'
const REPLY_PREFIX = 'kaif.draft-reply.'
const PUSH_AFTER_MS = 800
const NEVER = new Date(0).toISOString()

/** The message that is answered, and the part of it, if it is only one. */
export interface Reply {
  seq: number
  quote: string
}

/** A key is a chat's id, or with what follows it a topic's or a post's. */
class Drafts {
  /** Where a draft came from another device: the composer shows it. */
  arrived = $state.raw<{ key: string }>()
  #texts = new SvelteMap<string, string>()
  #replies = new SvelteMap<string, Reply>()
  #timers = new Map<string, ReturnType<typeof setTimeout>>()

  constructor() {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX)) this.#texts.set(key.slice(PREFIX.length), localStorage.getItem(key) ?? '')
      const reply = key.startsWith(REPLY_PREFIX) && storedReply(localStorage.getItem(key))
      if (reply) this.#replies.set(key.slice(REPLY_PREFIX.length), reply)
    }
  }

  of(key: string): string {
    return this.#texts.get(key) ?? ''
  }

  replyOf(key: string): Reply | undefined {
    return this.#replies.get(key)
  }

  /** It answers this message, or none. */
  answer(key: string, reply: Reply | undefined): void {
    if (!reply && !this.#replies.has(key)) return
    this.#setReply(key, reply)
    this.#change(key, this.of(key))
  }

  /** Written here. */
  keep(key: string, text: string): void {
    if (!text.trim() && !this.#texts.has(key)) return
    this.#change(key, text)
  }

  /** A file was laid beside it here, or taken away; or the server has it now. */
  keepFiles(key: string): void {
    this.#change(key, this.of(key))
  }

  /** Written elsewhere, or here and come back. */
  hear(draft: Draft): void {
    const key = keyOf(draft)
    if (Date.parse(draft.written_at) <= Date.parse(this.#at(key))) return
    const otherFiles = trays.follow(key, draft.attachments ?? [])
    const reply = draft.reply_to ? { seq: draft.reply_to, quote: draft.quote ?? '' } : undefined
    const otherReply = JSON.stringify(reply) !== JSON.stringify(this.replyOf(key))
    if (draft.text === this.of(key) && !otherFiles && !otherReply) return
    clearTimeout(this.#timers.get(key))
    this.#setReply(key, reply)
    this.#set(key, draft.text, draft.written_at)
    this.arrived = { key }
  }

  /** Bring this browser and the server together. */
  async sync(): Promise<void> {
    const { drafts } = await ok(api.GET('/v1/messaging/drafts'))
    for (const draft of drafts) this.hear(draft)
    const known = new Set(drafts.map(keyOf))
    for (const key of new Set([...this.#keys(), ...trays.keys()]))
      if (!known.has(key)) await this.#push(key, trays.given(key))
  }

  /** Other devices hear of it at the next greeting: who is about to leave the chat may no longer keep one there. */
  hold(chatId: string): void {
    for (const [key, timer] of this.#timers) if (isOf(key, chatId)) clearTimeout(timer)
  }

  /** Forget what is of a chat, here alone. */
  drop(chatId: string): void {
    this.hold(chatId)
    for (const key of this.#keys()) if (isOf(key, chatId)) this.#forget(key)
    for (const key of Object.keys(localStorage))
      if (key.startsWith(AT_PREFIX) && isOf(key.slice(AT_PREFIX.length), chatId)) localStorage.removeItem(key)
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    for (const key of this.#keys()) this.#forget(key)
    for (const key of Object.keys(localStorage)) if (key.startsWith(AT_PREFIX)) localStorage.removeItem(key)
  }

  #keys(): string[] {
    return [...new Set([...this.#texts.keys(), ...this.#replies.keys()])]
  }

  #forget(key: string): void {
    this.#texts.delete(key)
    this.#setReply(key, undefined)
    localStorage.removeItem(PREFIX + key)
    localStorage.removeItem(AT_PREFIX + key)
  }

  #setReply(key: string, reply: Reply | undefined): void {
    if (reply) {
      this.#replies.set(key, reply)
      localStorage.setItem(REPLY_PREFIX + key, JSON.stringify(reply))
    } else {
      this.#replies.delete(key)
      localStorage.removeItem(REPLY_PREFIX + key)
    }
  }

  #change(key: string, text: string): void {
    this.#set(key, text, new Date().toISOString())
    clearTimeout(this.#timers.get(key))
    this.#timers.set(
      key,
      setTimeout(() => void this.#push(key, trays.given(key)), PUSH_AFTER_MS),
    )
  }

  #at(key: string): string {
    return localStorage.getItem(AT_PREFIX + key) ?? NEVER
  }

  #set(key: string, text: string, at: string): void {
    localStorage.setItem(AT_PREFIX + key, at)
    if (text.trim()) {
      this.#texts.set(key, text)
      localStorage.setItem(PREFIX + key, text)
    } else {
      this.#texts.delete(key)
      localStorage.removeItem(PREFIX + key)
    }
  }

  /** Without a network, or out of the chat: the next greeting tries again. */
  async #push(key: string, attachments: GivenAttachment[]): Promise<void> {
    if (!navigator.onLine) return
    const { chat_id, ...place } = placeOf(key)
    const reply = this.replyOf(key)
    const body = {
      text: this.of(key),
      written_at: this.#at(key),
      attachments,
      ...place,
      ...(reply ? { reply_to: reply.seq, quote: reply.quote } : {}),
    }
    const params = { path: { chat_id } }
    try {
      this.hear(await ok(api.POST('/v1/messaging/chats/{chat_id}/draft', { params, body })))
    } catch (error) {
      // The words are not lost with a file that the server no longer has, or that is not to be sent here.
      const ofFiles =
        error instanceof Problem && (lacksMedia(error.code) || error.code === 'media_not_allowed')
      if (ofFiles && attachments.length) await this.#push(key, [])
    }
  }
}

const OF_POST = 'post-'

/** Of the comments on a post of a channel. */
export function keyOfPost(channelId: string, post: number): string {
  return `${channelId}.${OF_POST}${post}`
}

export function keyOf({ chat_id, topic_id, post }: Pick<Draft, 'chat_id' | 'topic_id' | 'post'>): string {
  if (post) return keyOfPost(chat_id, post)
  return typeof topic_id === 'number' ? `${chat_id}.${topic_id}` : chat_id
}

export function placeOf(key: string): { chat_id: string; topic_id?: number; post?: number } {
  const [chat_id = '', part] = key.split('.')
  if (!part) return { chat_id }
  return part.startsWith(OF_POST)
    ? { chat_id, post: Number(part.slice(OF_POST.length)) }
    : { chat_id, topic_id: Number(part) }
}

function isOf(key: string, chatId: string): boolean {
  return key === chatId || key.startsWith(`${chatId}.`)
}

function storedReply(json: string | null): Reply | undefined {
  try {
    const { seq, quote } = JSON.parse(json ?? '') as Reply
    return Number.isInteger(seq) && typeof quote === 'string' ? { seq, quote } : undefined
  } catch {
    return undefined
  }
}

export const drafts = new Drafts()
