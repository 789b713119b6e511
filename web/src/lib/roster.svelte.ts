// Who is in a chat: everybody by and by, or those found by a name.
import { inOrder, membersOf, staffOf } from './administration'
import { Attempt } from './attempt.svelte'
import { Pages, type Page } from './pages.svelte'
import { meet } from './people.svelte'
import type { ChatMember } from './types'

const WAIT_MS = 180

export class Roster {
  query = $state('')
  /** Those found by what stands in the field; nothing while it is empty. */
  found = $state.raw<Pages<ChatMember>>()
  readonly attempt = new Attempt()
  readonly #everyone = new Pages<ChatMember>(
    ({ id }) => id,
    (cursor) => this.#ask(cursor),
  )
  #staff = $state.raw<ChatMember[]>([])
  #listed = $derived(this.found ?? this.#everyone)
  members = $derived(
    this.found
      ? (this.found.items ?? [])
      : inOrder([
          ...new Map([...this.#staff, ...(this.#everyone.items ?? [])].map((one) => [one.id, one])).values(),
        ]),
  )
  next = $derived(this.#listed.next)

  constructor(private readonly chatId: string) {}

  start(): Promise<void> {
    return this.attempt.run(async () => {
      const [staff] = await Promise.all([staffOf(this.chatId), this.#everyone.start()])
      meet(staff)
      this.#staff = staff
    })
  }

  readonly more = (): Promise<void> => this.attempt.run(() => this.#listed.more())

  /** What stands in the field is looked for once it has stood there for a moment; the end of it is given back. */
  look(): (() => void) | undefined {
    const wanted = this.query.trim()
    if (!wanted) return void (this.found = undefined)
    const pages = new Pages<ChatMember>(
      ({ id }) => id,
      (cursor) => this.#ask(cursor, wanted),
    )
    const timer = setTimeout(
      () =>
        void this.attempt.run(async () => {
          await pages.start()
          if (this.query.trim() === wanted) this.found = pages
        }),
      WAIT_MS,
    )
    return () => clearTimeout(timer)
  }

  async #ask(cursor: string, query = ''): Promise<Page<ChatMember>> {
    const page = await membersOf(this.chatId, cursor, query)
    meet(page.items)
    return page
  }
}
