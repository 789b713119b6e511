import { expect, test, vi } from 'vitest'
import type { HistorySource, WantedHistory } from '../src/lib/history'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
const { nameOfHistory } = await import('../src/lib/history')
const { FILES_BYTES_MAX, HistoryDownload } = await import('../src/lib/historyDownload.svelte')
const { Problem } = await import('../src/lib/problems')

const PAGE: WantedHistory = { format: 'html', withFiles: false }
const ARCHIVE: WantedHistory = { format: 'json', withFiles: true }
const PIECE = 8_000_000

/** A server with so many parts and these files, and what it refuses, by the number of the request. */
class World implements HistorySource {
  asked: string[] = []
  waited: number[] = []
  files: { media_id: string; path: string; size: number }[] = []
  served = new Map<string, number>()
  hidden = new Set<string>()
  expired = new Set<string>()
  refuses: (request: number) => Error | undefined = () => undefined
  #links = 0
  #requests = 0

  constructor(readonly parts: number) {}

  wait = async (ms: number) => void this.waited.push(ms)

  part = async (_: WantedHistory, cursor: string) => {
    const n = Number(cursor)
    this.#heard(`part ${n}`)
    const last = n + 1 === this.parts
    return {
      content: `[${n}]`,
      next_cursor: last ? null : `${n + 1}`,
      entries: 200,
      files: last ? this.files : [],
    }
  }

  links = async (ids: string[]) => {
    this.#heard(`links ${ids.join(' ')}`)
    const seen = ids.filter((id) => !this.hidden.has(id))
    return new Map(seen.map((id) => [id, `${id}/${this.#links++}`]))
  }

  piece = async (link: string, start: number, length: number) => {
    this.#heard(`piece ${link} ${start}`)
    if (this.expired.has(link)) return undefined
    const total = this.served.get(link.split('/')[0]!)!
    return { content: new Blob([new Uint8Array(Math.min(length, total - start)).fill(65)]), total }
  }

  #heard(what: string): void {
    this.asked.push(what)
    const refusal = this.refuses(this.#requests++)
    if (refusal) throw refusal
  }
}

/** Read as any program reads an archive: by the list at its end. */
async function unzipped(archive: Blob): Promise<Map<string, string>> {
  const bytes = new Uint8Array(await archive.arrayBuffer())
  const view = new DataView(bytes.buffer)
  const end = bytes.length - 22
  expect(view.getUint32(end, true)).toBe(0x06054b50)
  const found = new Map<string, string>()
  let at = view.getUint32(end + 16, true)
  for (let n = view.getUint16(end + 10, true); n > 0; n -= 1) {
    const [size, name, extra] = [
      view.getUint32(at + 24, true),
      view.getUint16(at + 28, true),
      view.getUint16(at + 30, true),
    ]
    const local = view.getUint32(at + 42, true)
    const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    const words = (start: number, length: number) =>
      new TextDecoder().decode(bytes.subarray(start, start + length))
    found.set(words(at + 46, name), words(from, size))
    at += 46 + name + extra + view.getUint16(at + 32, true)
  }
  return found
}

test('a server that is asked too often is asked again when it says, and nothing comes twice', async () => {
  const world = new World(500)
  world.refuses = (n) =>
    n % 100 === 99 ? new Problem('too_many_requests', 429, { retryAfterS: 3 }) : undefined
  const download = new HistoryDownload(PAGE, world, world.wait)

  const content = await (await download.run()).text()

  expect(content).toBe([...Array(500).keys()].map((n) => `[${n}]`).join(''))
  expect(world.waited).toEqual([3000, 3000, 3000, 3000, 3000])
  expect(download.entries).toBe(100_000)
})

test('when the network stays away it ends, and goes on from there when it is asked to', async () => {
  const world = new World(5)
  let away = true
  world.refuses = (n) => (n >= 3 && away ? new Problem('offline') : undefined)
  const download = new HistoryDownload(PAGE, world, world.wait)
  await expect(download.run()).rejects.toThrow('offline')
  expect(world.waited).toHaveLength(9)
  away = false

  expect(await (await download.run()).text()).toBe('[0][1][2][3][4]')
  expect(world.asked.filter((asked) => asked === 'part 0')).toHaveLength(1)
})

test('what will not pass is not asked again', async () => {
  const world = new World(2)
  world.refuses = () => new Problem('chat_not_found', 404)

  await expect(new HistoryDownload(PAGE, world, world.wait).run()).rejects.toThrow('chat_not_found')
  expect(world.asked).toHaveLength(1)
})

test('once it is cancelled nothing more is asked', async () => {
  const world = new World(5)
  const download = new HistoryDownload(PAGE, world, world.wait)
  world.refuses = (n) => {
    if (n === 2) download.cancel()
    return undefined
  }

  await expect(download.run()).rejects.toThrow()
  expect(download.cancelled).toBe(true)
  expect(world.asked).toEqual(['part 0', 'part 1', 'part 2'])
})

test('an archive holds the history and each file once, and says what is missing', async () => {
  const world = new World(2)
  const big = { media_id: 'big', path: 'files/big-фото.jpeg', size: PIECE + 5 }
  const small = { media_id: 'small', path: 'files/small-план.txt', size: 3 }
  world.files = [
    big,
    small,
    small,
    { media_id: 'gone', path: 'files/gone', size: 7 },
    { media_id: 'film', path: 'files/film', size: FILES_BYTES_MAX },
  ]
  // A picture is served without the place that the camera wrote into it.
  world.served = new Map([
    ['big', big.size - 3],
    ['small', 3],
  ])
  world.hidden.add('gone')
  // A link that has run out is asked for anew.
  world.expired.add('small/1')
  world.refuses = (n) => (n === 5 ? new Problem('offline') : undefined)
  const download = new HistoryDownload(ARCHIVE, world, world.wait)

  const archive = await download.run()

  const held = await unzipped(archive)
  expect(held.get('history.json')).toBe('[0][1]')
  expect(held.get(big.path)).toBe('A'.repeat(big.size - 3))
  expect(held.get(small.path)).toBe('AAA')
  const [, list] = [...held].find(([name]) => name.endsWith('.txt') && !name.startsWith('files/'))!
  expect(list.split('\n').slice(1).sort()).toEqual(['', 'files/film', 'files/gone'])
  expect([...held.keys()]).toHaveLength(4)
  expect(archive.type).toBe('application/zip')
  expect([download.filesTaken, download.filesTotal]).toEqual([2, 2])
  expect(download.bytesTaken).toBe(download.bytesTotal)
})

test('a large file goes on from its piece that failed', async () => {
  const world = new World(1)
  world.files = [{ media_id: 'a', path: 'files/a', size: 3 * PIECE }]
  world.served.set('a', 3 * PIECE)
  let away = true
  world.refuses = (n) => (n >= 4 && away ? new Problem('offline') : undefined)
  const download = new HistoryDownload(ARCHIVE, world, world.wait)
  await expect(download.run()).rejects.toThrow('offline')
  away = false
  world.asked = []

  await download.run()

  expect(world.asked).toEqual(['links a', `piece a/1 ${2 * PIECE}`])
})

test('a file is called by what is in it', () => {
  const of = (title: string, withFiles = false) =>
    nameOfHistory({ format: 'html', withFiles, chat: { id: 'c', title } }, '2026-11-26')
  expect(of('Друзья / «Лодка»: 2')).toBe('kaif-ozero-Друзья _ _Лодка_ 2-2026-11-26.html')
  expect(of('х'.repeat(128), true)).toBe(`kaif-ozero-${'х'.repeat(60)}-2026-11-26.zip`)
  expect(nameOfHistory(ARCHIVE, '2026-11-26')).toBe('kaif-ozero-2026-11-26.zip')
})
