// A list that comes in pages: what has come so far, and whether there is more.
export interface Page<Item> {
  items: Item[]
  next: string | null
}

/** Pages in a row that may come without anybody before the list is left to the person to go on with. */
const EMPTY_MAX = 5

export class Pages<Item> {
  items = $state.raw<Item[]>()
  next = $state<string | null>(null)
  #asked = 0

  constructor(
    private readonly keyOf: (item: Item) => string,
    private readonly ask: (cursor: string) => Promise<Page<Item>>,
  ) {}

  /** Anew from the beginning; an answer to what was asked before comes too late. */
  async start(): Promise<void> {
    await this.#load('', [])
  }

  async more(): Promise<void> {
    if (this.next) await this.#load(this.next, this.items ?? [])
  }

  drop(key: string): void {
    this.items = this.items?.filter((item) => this.keyOf(item) !== key)
  }

  async #load(cursor: string, before: Item[]): Promise<void> {
    const asked = ++this.#asked
    let page = await this.ask(cursor)
    for (let empty = 1; !page.items.length && page.next && empty < EMPTY_MAX; empty++) {
      if (asked !== this.#asked) return
      page = await this.ask(page.next)
    }
    if (asked !== this.#asked) return
    const items = new Map([...before, ...page.items].map((item) => [this.keyOf(item), item]))
    this.items = [...items.values()]
    this.next = page.next
  }
}
