// Up to which pin the bar of a chat is put away, on this device: what is pinned after that shows again.
import { SvelteMap } from 'svelte/reactivity'
import type { Entry } from './types'

const KEY = 'kaif.hidden-pins'
const CHATS_MAX = 200

class HiddenPins {
  /** By chats: the entry by which its bar was last changed when it was put away. */
  readonly #upTo = new SvelteMap<string, number>()

  constructor() {
    for (const [chatId, seq] of stored()) this.#upTo.set(chatId, seq)
  }

  isHidden(chatId: string, pins: readonly Entry[]): boolean {
    return pins.length > 0 && newestOf(pins) <= (this.#upTo.get(chatId) ?? 0)
  }

  hide(chatId: string, pins: readonly Entry[]): void {
    // The chat that was put away longest ago goes first.
    this.#upTo.delete(chatId)
    this.#upTo.set(chatId, newestOf(pins))
    this.#keep()
  }

  show(chatId: string): void {
    this.#upTo.delete(chatId)
    this.#keep()
  }

  clear(): void {
    this.#upTo.clear()
    localStorage.removeItem(KEY)
  }

  #keep(): void {
    localStorage.setItem(KEY, JSON.stringify([...this.#upTo].slice(-CHATS_MAX)))
  }
}

/** Pinning is an action on the message, and gives it a new version. */
function newestOf(pins: readonly Entry[]): number {
  return Math.max(0, ...pins.map(({ version, seq }) => Math.max(version ?? 0, seq)))
}

function stored(): [string, number][] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter(isPair) : []
  } catch {
    return []
  }
}

function isPair(pair: unknown): pair is [string, number] {
  return Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'number'
}

export const hiddenPins = new HiddenPins()
