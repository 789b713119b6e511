import { expect, test } from 'vitest'
import { Pages, type Page } from '../src/lib/pages.svelte'

interface One {
  id: string
}

const of = (ids: string, next: string | null): Page<One> => ({
  items: [...ids].map((id) => ({ id })),
  next,
})
const keys = (pages: Pages<One>) => pages.items?.map(({ id }) => id).join('')

test('pages follow each other, and what comes twice stands once', async () => {
  const all: Record<string, Page<One>> = { '': of('abc', '1'), 1: of('cd', '2'), 2: of('e', null) }
  const pages = new Pages<One>(
    ({ id }) => id,
    async (cursor) => all[cursor]!,
  )

  await pages.start()
  await pages.more()
  expect([keys(pages), pages.next]).toEqual(['abcd', '2'])
  await pages.more()
  await pages.more()
  expect([keys(pages), pages.next]).toEqual(['abcde', null])
})

test('a page without anybody is not the end', async () => {
  const asked: string[] = []
  const pages = new Pages<One>(
    ({ id }) => id,
    async (cursor) => {
      asked.push(cursor)
      return cursor === '2' ? of('a', '3') : of('', String(asked.length))
    },
  )

  await pages.start()

  expect([keys(pages), pages.next, asked]).toEqual(['a', '3', ['', '1', '2']])
})

test('an answer that comes after one began anew changes nothing', async () => {
  const answers: ((page: Page<One>) => void)[] = []
  const pages = new Pages<One>(
    ({ id }) => id,
    () => new Promise((answer) => answers.push(answer)),
  )

  const first = pages.start()
  const second = pages.start()
  answers[1]!(of('b', null))
  await second
  answers[0]!(of('a', 'x'))
  await first

  expect([keys(pages), pages.next]).toEqual(['b', null])
})
