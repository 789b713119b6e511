// Files on their way to the server, kept in this browser: a reload goes on with them. IndexedDB holds a copy, which
// stays whole when the person moves or changes the file meanwhile.
import { BrowserDatabase } from './browserDatabase'

export interface KeptUpload {
  id: string
  name: string
  type: string
  size: number
  /** When the file was last changed, so that the same one is known when it is chosen again. */
  modified: number
  at: number
  /** Where the upload goes on. */
  url?: string
  mediaId?: string
  paused?: boolean
  /** A voice message, not just any sound. */
  voice?: boolean
}

/** A larger file would be copied for too long, and fill the disk twice: after a reload it is chosen again. */
export const KEPT_BYTES_MAX = 256 * 1024 * 1024

const UPLOADS = 'uploads'
const FILES = 'files'

export class KeptFiles {
  readonly #database: BrowserDatabase

  constructor(userId: string) {
    this.#database = new BrowserDatabase(`kaif-uploads-${userId}`, [UPLOADS, FILES])
  }

  async all(): Promise<KeptUpload[]> {
    return this.#database
      .do(UPLOADS, 'readonly', (store) => store.getAll() as IDBRequest<KeptUpload[]>)
      .catch(() => [])
  }

  async get(id: string): Promise<KeptUpload | undefined> {
    return this.#database
      .do(UPLOADS, 'readonly', (store) => store.get(id) as IDBRequest<KeptUpload | undefined>)
      .catch(() => undefined)
  }

  async file(id: string): Promise<Blob | undefined> {
    return this.#database
      .do(FILES, 'readonly', (store) => store.get(id) as IDBRequest<Blob | undefined>)
      .catch(() => undefined)
  }

  /** A browser that keeps nothing costs us the reload, not the upload. */
  async put(upload: KeptUpload): Promise<void> {
    await this.#database.do(UPLOADS, 'readwrite', (store) => store.put(upload, upload.id)).catch(() => {})
  }

  /** False when it was too large, or the browser refused. */
  async keep(id: string, file: Blob): Promise<boolean> {
    if (file.size > KEPT_BYTES_MAX) return false
    return this.#database
      .do(FILES, 'readwrite', (store) => store.put(file, id))
      .then(
        () => true,
        () => false,
      )
  }

  async delete(id: string): Promise<void> {
    for (const name of [UPLOADS, FILES])
      await this.#database.do(name, 'readwrite', (store) => store.delete(id)).catch(() => {})
  }

  async clear(): Promise<void> {
    for (const name of [UPLOADS, FILES])
      await this.#database.do(name, 'readwrite', (store) => store.clear()).catch(() => {})
  }
}
