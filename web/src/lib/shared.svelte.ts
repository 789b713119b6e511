// What has been sent in a chat, by kind, page after page.
import { filesIn, filesOf, type FilesOf, type Shared, type SharedKind } from './attachments'
import { monthOf } from './format'
import { isVisual } from './media'
import { wordsFor } from './problems'
import type { Attachment } from './types'

export interface Month {
  name: string
  found: Shared[]
}

export class SharedFiles {
  found = $state.raw<readonly Shared[]>([])
  loading = $state(false)
  loaded = $state(false)
  failure = $state('')
  readonly months = $derived(byMonth(this.found))
  #next = $state<string | null>('')
  readonly hasMore = $derived(this.#next !== null)
  readonly #of: FilesOf
  readonly #kind: SharedKind

  constructor(of: FilesOf, kind: SharedKind) {
    this.#of = of
    this.#kind = kind
  }

  async more(): Promise<void> {
    if (this.loading || this.#next === null) return
    this.loading = true
    try {
      const page = await filesOf(this.#of, this.#kind, this.#next)
      const files = page.entries.flatMap((entry) =>
        filesIn(entry)
          .filter((file) => isOf(file, this.#kind))
          .map((file) => ({ entry, file })),
      )
      this.found = [...this.found, ...files]
      this.#next = page.next
      this.loaded = true
      this.failure = ''
    } catch (error) {
      this.failure = wordsFor(error)
    } finally {
      this.loading = false
    }
  }
}

/** An album may hold several kinds. */
function isOf(file: Attachment, kind: SharedKind): boolean {
  return kind === 'media' ? isVisual(file) : file.kind === kind
}

function byMonth(found: readonly Shared[]): Month[] {
  const months: Month[] = []
  for (const shared of found) {
    const name = monthOf(shared.entry.at)
    const last = months.at(-1)
    if (last?.name === name) last.found.push(shared)
    else months.push({ name, found: [shared] })
  }
  return months
}
