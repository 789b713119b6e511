// What people began to write, per chat, kept in this browser.
import { SvelteMap } from 'svelte/reactivity'

const PREFIX = 'kaif.draft.'

class Drafts {
  #texts = new SvelteMap<string, string>()

  constructor() {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX)) this.#texts.set(key.slice(PREFIX.length), localStorage.getItem(key) ?? '')
    }
  }

  of(chatId: string): string {
    return this.#texts.get(chatId) ?? ''
  }

  keep(chatId: string, text: string): void {
    if (text.trim()) {
      this.#texts.set(chatId, text)
      localStorage.setItem(PREFIX + chatId, text)
    } else {
      this.#texts.delete(chatId)
      localStorage.removeItem(PREFIX + chatId)
    }
  }

  clear(): void {
    for (const chatId of [...this.#texts.keys()]) this.keep(chatId, '')
  }
}

export const drafts = new Drafts()
