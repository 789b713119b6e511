// Every message stays here until its own entry arrives, so that a reload loses nothing.
import type { Unsent } from './types'

export const REFUSALS_MAX = 3

/** Codes that may pass by themselves; any other refusal is final. */
const PASSING = new Set([
  'too_many_requests',
  'too_many_messages',
  'busy',
  'storage_full',
  'draining',
  'internal',
  'unavailable',
  'attachments_lost',
])

export class Outbox {
  readonly #storage: Storage
  readonly #prefix: string

  constructor(storage: Storage, userId: string) {
    this.#storage = storage
    this.#prefix = `kaif.outbox.${userId}.`
  }

  /** Unsent messages, oldest first. One key per message, so that two tabs never overwrite each other. */
  all(): Unsent[] {
    return this.#keys()
      .flatMap((key) => parse(this.#storage.getItem(key)))
      .sort((a, b) => a.at.localeCompare(b.at) || a.ref.localeCompare(b.ref))
  }

  put(message: Unsent): void {
    try {
      this.#storage.setItem(this.#prefix + message.ref, JSON.stringify(message))
    } catch {
      // A full or forbidden storage costs us the reload guarantee, not the message.
    }
  }

  remove(ref: string): void {
    this.#storage.removeItem(this.#prefix + ref)
  }

  clear(): void {
    for (const key of this.#keys()) this.#storage.removeItem(key)
  }

  #keys(): string[] {
    return Object.keys(this.#storage).filter((key) => key.startsWith(this.#prefix))
  }
}

/** What a refusal makes of a message: tried again later, or failed with its text kept. */
export function refuse(message: Unsent, code: string): Unsent {
  const refusals = message.refusals + 1
  const final = !PASSING.has(code) || refusals >= REFUSALS_MAX
  return { ...message, refusals, problem: code, state: final ? 'failed' : 'pending' }
}

export function newRef(): string {
  // Time first, so that refs sort in the order of sending.
  const random = crypto.getRandomValues(new Uint32Array(2))
  return `${Date.now().toString(36)}-${random[0]!.toString(36)}${random[1]!.toString(36)}`
}

function parse(json: string | null): Unsent[] {
  try {
    return json ? [JSON.parse(json) as Unsent] : []
  } catch {
    return []
  }
}
