// Buttons under a bot's message: pressed here, answered by the bot with a short word, or not at all.
import { SvelteSet } from 'svelte/reactivity'
import { api, ok } from './api'
import { t } from './i18n.svelte'
import { newRef } from './outbox'
import { wordsFor } from './problems'
import type { Button, Entry } from './types'
import { ui } from './ui.svelte'

class Presses {
  /** What was pressed and waits for the bot. */
  waiting = new SvelteSet<string>()
  /** By the press: which button it was, and when we stop waiting. */
  #asked = new Map<string, { key: string; timer: ReturnType<typeof setTimeout> }>()
  /** An answer may be faster than the server's word that the press was heard. */
  #early = new Map<string, string>()

  keyOf(entry: Entry, button: Button): string {
    return `${entry.chat_id}:${entry.seq}:${button.data}`
  }

  async press(entry: Entry, button: Button): Promise<void> {
    const key = this.keyOf(entry, button)
    if (this.waiting.has(key)) return
    this.waiting.add(key)
    try {
      const { chat_id, seq } = entry
      const pressed = await ok(
        api.POST('/v1/messaging/chats/{chat_id}/messages/{seq}/press', {
          params: { path: { chat_id, seq } },
          body: { data: button.data ?? '', ref: newRef() },
        }),
      )
      this.#wait(pressed.callback_id, key, pressed.answer_within_s)
    } catch (error) {
      this.waiting.delete(key)
      ui.say(wordsFor(error))
    }
  }

  #wait(id: string, key: string, withinS: number): void {
    const timer = setTimeout(() => this.#end(id, t('bots.no_answer')), withinS * 1000)
    this.#asked.set(id, { key, timer })
    const early = this.#early.get(id)
    this.#early.clear()
    if (early !== undefined) this.#end(id, early)
  }

  /** From the socket. Presses of one's other devices are theirs. */
  answered(id: string, text: string): void {
    if (this.#asked.has(id)) this.#end(id, text)
    else if (this.waiting.size) this.#early.set(id, text)
  }

  #end(id: string, text: string): void {
    const asked = this.#asked.get(id)
    if (!asked) return
    clearTimeout(asked.timer)
    this.#asked.delete(id)
    this.waiting.delete(asked.key)
    if (text) ui.say(text)
  }
}

export const presses = new Presses()
