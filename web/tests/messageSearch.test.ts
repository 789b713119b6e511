import { expect, test, vi } from 'vitest'
import type { FoundMessages } from '../src/lib/types'
import { message } from './entries'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
vi.stubGlobal('addEventListener', () => {})
const { MessageSearch } = await import('../src/lib/messageSearch.svelte')

/** The server finds nothing on so many pages, and then a message. */
class Search extends MessageSearch {
  asked: string[] = []

  constructor(readonly empty: number) {
    super('lake', 0)
  }

  protected override async page(cursor: string): Promise<FoundMessages> {
    this.asked.push(cursor)
    const found = this.asked.length > this.empty
    const messages = found ? [{ entry: { type: 'entry' as const, ...message(1) }, fragment: [] }] : []
    return { messages, next_cursor: found ? null : `${this.asked.length}`, complete: true } as FoundMessages
  }
}

test.each([
  [3, 4, 1, false],
  [9, 5, 0, true],
])('of %i empty pages a search asks for %i and finds %i', async (pages, asks, found, hasMore) => {
  const search = new Search(pages)
  search.words = 'лодка'

  await search.ask()

  expect(search.asked).toEqual(['', '1', '2', '3', '4'].slice(0, asks))
  expect([search.found?.length, search.hasMore]).toEqual([found, hasMore])
})
