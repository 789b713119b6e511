// IndexedDB, as far as we use it: what a reload must not lose and is too large for Web Storage.
export class BrowserDatabase {
  readonly #name: string
  readonly #stores: readonly string[]
  #database: Promise<IDBDatabase> | undefined

  constructor(name: string, stores: readonly string[]) {
    this.#name = name
    this.#stores = stores
  }

  /** One after the other in the order of the calls; it is on the disk when the promise is kept. */
  async do<T>(
    name: string,
    mode: IDBTransactionMode,
    what: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    this.#database ??= this.#open()
    const transaction = (await this.#database).transaction(name, mode)
    const request = what(transaction.objectStore(name))
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result)
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error('aborted'))
    })
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1)
      request.onupgradeneeded = () => {
        for (const name of this.#stores) request.result.createObjectStore(name)
      }
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error ?? new Error('refused'))
      request.onblocked = () => reject(new Error('blocked'))
    })
  }
}
