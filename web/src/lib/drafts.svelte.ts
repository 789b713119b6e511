// What people began to write, and the files that they laid beside it, per chat: kept in this browser at once, and on
// their other devices a moment later.
// The one written last stays, wherever it was written; an empty one too, so that what was sent does not come back.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import { lacksMedia } from './outgoing'
import { Problem } from './problems'
import { trays } from './tray.svelte'
import type { Draft, GivenAttachment } from './types'

const PREFIX = 'kaif.draft.'
const AT_PREFIX = 'kaif.draft-at.'
const PUSH_AFTER_MS = 800
const NEVER = new Date(0).toISOString()

class Drafts {
  /** Where a draft came from another device: the composer shows it. */
  arrived = $state.raw<{ chatId: string }>()
  #texts = new SvelteMap<string, string>()
  #timers = new Map<string, ReturnType<typeof setTimeout>>()

  constructor() {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX)) this.#texts.set(key.slice(PREFIX.length), localStorage.getItem(key) ?? '')
    }
  }

  of(chatId: string): string {
    return this.#texts.get(chatId) ?? ''
  }

  /** Written here. */
  keep(chatId: string, text: string): void {
    if (!text.trim() && !this.#texts.has(chatId)) return
    this.#change(chatId, text)
  }

  /** A file was laid beside it here, or taken away; or the server has it now. */
  keepFiles(chatId: string): void {
    this.#change(chatId, this.of(chatId))
  }

  /** Written elsewhere, or here and come back. */
  hear(draft: Draft): void {
    if (Date.parse(draft.written_at) <= Date.parse(this.#at(draft.chat_id))) return
    const otherFiles = trays.follow(draft.chat_id, draft.attachments ?? [])
    if (draft.text === this.of(draft.chat_id) && !otherFiles) return
    clearTimeout(this.#timers.get(draft.chat_id))
    this.#set(draft.chat_id, draft.text, draft.written_at)
    this.arrived = { chatId: draft.chat_id }
  }

  /** Bring this browser and the server together. */
  async sync(): Promise<void> {
    const { drafts } = await ok(api.GET('/v1/messaging/drafts'))
    for (const draft of drafts) this.hear(draft)
    const known = new Set(drafts.map(({ chat_id }) => chat_id))
    for (const chatId of new Set([...this.#texts.keys(), ...trays.keys()]))
      if (!known.has(chatId) && !isOfTopic(chatId)) await this.#push(chatId, trays.given(chatId))
  }

  /** Other devices hear of it at the next greeting: who is about to leave the chat may no longer keep one there. */
  hold(chatId: string): void {
    clearTimeout(this.#timers.get(chatId))
  }

  /** Forget it here alone. */
  drop(chatId: string): void {
    clearTimeout(this.#timers.get(chatId))
    this.#texts.delete(chatId)
    localStorage.removeItem(PREFIX + chatId)
    localStorage.removeItem(AT_PREFIX + chatId)
  }

  clear(): void {
    for (const chatId of [...this.#texts.keys()]) this.drop(chatId)
    for (const key of Object.keys(localStorage)) if (key.startsWith(AT_PREFIX)) localStorage.removeItem(key)
  }

  #change(chatId: string, text: string): void {
    this.#set(chatId, text, new Date().toISOString())
    clearTimeout(this.#timers.get(chatId))
    if (isOfTopic(chatId)) return
    this.#timers.set(
      chatId,
      setTimeout(() => void this.#push(chatId, trays.given(chatId)), PUSH_AFTER_MS),
    )
  }

  #at(chatId: string): string {
    return localStorage.getItem(AT_PREFIX + chatId) ?? NEVER
  }

  #set(chatId: string, text: string, at: string): void {
    localStorage.setItem(AT_PREFIX + chatId, at)
    if (text.trim()) {
      this.#texts.set(chatId, text)
      localStorage.setItem(PREFIX + chatId, text)
    } else {
      this.#texts.delete(chatId)
      localStorage.removeItem(PREFIX + chatId)
    }
  }

  /** Without a network, or out of the chat: the next greeting tries again. */
  async #push(chatId: string, attachments: GivenAttachment[]): Promise<void> {
    const body = { text: this.of(chatId), written_at: this.#at(chatId), attachments }
    const params = { path: { chat_id: chatId } }
    try {
      this.hear(await ok(api.POST('/v1/messaging/chats/{chat_id}/draft', { params, body })))
    } catch (error) {
      // The words are not lost with a file that the server no longer has, or that is not to be sent here.
      const ofFiles =
        error instanceof Problem && (lacksMedia(error.code) || error.code === 'media_not_allowed')
      if (ofFiles && attachments.length) await this.#push(chatId, [])
    }
  }
}

/** What one begins in a topic stays in this browser: other devices know of one draft for each chat. */
function isOfTopic(key: string): boolean {
  return key.includes('.')
}

export const drafts = new Drafts()
