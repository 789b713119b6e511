// What this browser remembers of the chats, so that they open at once and without a network. It is only
// a head start: the server's hello says what has happened since.
import type { Chat, Entry, Person } from './types'

const CHATS_MAX = 50
const LOGS_MAX = 12
const ENTRIES_MAX = 50

/** Of what is remembered: other versions of this client may have remembered less of a chat. */
const VERSION = 3

export interface Remembered {
  version?: number
  chats: Chat[]
  /** The newest entries of a chat, without a hole, ending with the chat's newest. */
  logs: Record<string, readonly Entry[]>
  people: Person[]
}

export class Cache {
  readonly #storage: Storage
  readonly #key: string

  constructor(storage: Storage, userId: string) {
    this.#storage = storage
    this.#key = `kaif.cache.${userId}`
  }

  load(): Remembered | undefined {
    try {
      const json = this.#storage.getItem(this.#key)
      const remembered = json ? (JSON.parse(json) as Remembered) : undefined
      return remembered?.version === VERSION ? remembered : undefined
    } catch {
      return undefined
    }
  }

  save({ chats, logs, people }: Remembered): void {
    const kept: Remembered = {
      version: VERSION,
      chats: chats.slice(0, CHATS_MAX),
      logs: Object.fromEntries(
        chats
          .flatMap(({ id }) => (logs[id]?.length ? [[id, logs[id].slice(-ENTRIES_MAX)] as const] : []))
          .slice(0, LOGS_MAX),
      ),
      people,
    }
    try {
      this.#storage.setItem(this.#key, JSON.stringify(kept))
    } catch {
      // A full storage: better no memory than half of one.
      this.#storage.removeItem(this.#key)
    }
  }

  clear(): void {
    this.#storage.removeItem(this.#key)
  }
}
