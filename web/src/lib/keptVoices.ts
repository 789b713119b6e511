// Voices as they are recorded, kept in this browser piece by piece: a reload or a crash loses half a second. Each tab
// holds its own by a lock, which ends with the tab.
import { BrowserDatabase } from './browserDatabase'

export interface KeptVoice {
  id: string
  chatKey: string
  type: string
  at: number
}

export interface KeptPart {
  /** How often the microphone was on before it: each time begins a file of its own. */
  take: number
  data: Blob
  /** Since the part before it. */
  levels: readonly number[]
  /** Of the whole so far. */
  durationMs: number
}

/** Of an hour, 15 MB, each. */
const KEPT_MAX = 4
/** A page that is being left lets go a moment after the next one begins. */
const LOCK_WITHIN_MS = 1000

const VOICES = 'voices'
const PARTS = 'parts'

export class KeptVoices {
  readonly #database: BrowserDatabase
  readonly #letGo = new Map<string, () => void>()

  constructor(userId: string) {
    this.#database = new BrowserDatabase(`kaif-voices-${userId}`, [VOICES, PARTS])
  }

  /** The newest that no tab holds; from now on this one does. */
  async find(): Promise<{ voice: KeptVoice; parts: KeptPart[] } | undefined> {
    const all = await this.#all()
    let found: KeptVoice | undefined
    for (const [place, voice] of all.toSorted((a, b) => b.at - a.at).entries()) {
      if (found && place < KEPT_MAX) continue
      if (!(await this.#hold(voice.id))) continue
      if (found) this.delete(voice.id)
      else found = voice
    }
    if (!found) return undefined
    return { voice: found, parts: await this.#partsOf(found.id) }
  }

  begin(voice: KeptVoice): void {
    void this.#hold(voice.id)
    void this.#database.do(VOICES, 'readwrite', (store) => store.put(voice, voice.id)).catch(() => {})
  }

  /** A browser that keeps nothing costs us the reload, not the voice. */
  add(id: string, nth: number, part: KeptPart): void {
    void this.#database.do(PARTS, 'readwrite', (store) => store.put(part, [id, nth])).catch(() => {})
  }

  delete(id: string): void {
    void this.#database.do(VOICES, 'readwrite', (store) => store.delete(id)).catch(() => {})
    void this.#database.do(PARTS, 'readwrite', (store) => store.delete(rangeOf(id))).catch(() => {})
    this.letGo(id)
  }

  /** Another page may take it up. */
  letGo(id: string): void {
    this.#letGo.get(id)?.()
    this.#letGo.delete(id)
  }

  clear(): void {
    for (const name of [VOICES, PARTS])
      void this.#database.do(name, 'readwrite', (store) => store.clear()).catch(() => {})
    this.close()
  }

  close(): void {
    for (const id of [...this.#letGo.keys()]) this.letGo(id)
  }

  async #all(): Promise<KeptVoice[]> {
    // Without locks the connection is not safe, and there is no microphone.
    if (!('locks' in navigator)) return []
    return this.#database
      .do(VOICES, 'readonly', (store) => store.getAll() as IDBRequest<KeptVoice[]>)
      .catch(() => [])
  }

  async #partsOf(id: string): Promise<KeptPart[]> {
    return this.#database
      .do(PARTS, 'readonly', (store) => store.getAll(rangeOf(id)) as IDBRequest<KeptPart[]>)
      .catch(() => [])
  }

  #hold(id: string): Promise<boolean> {
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(LOCK_WITHIN_MS)
      navigator.locks
        .request(`kaif-voice.${id}`, { signal }, () => {
          resolve(true)
          return new Promise<void>((letGo) => this.#letGo.set(id, letGo))
        })
        .catch(() => resolve(false))
    })
  }
}

function rangeOf(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id], [id, []])
}
