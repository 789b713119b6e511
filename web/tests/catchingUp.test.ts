// A chat's window on its log, while more happens there than it holds. The server is a log in memory.
import { beforeEach, expect, test, vi } from 'vitest'
import { GAP_MAX, WINDOW_MAX } from '../src/lib/log'
import type { Chat, Entry, Topic } from '../src/lib/types'
import { chat, ME, message, messages } from './entries'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
vi.stubGlobal('addEventListener', () => {})
const { ChatModel, PAGE, PAGE_MAX } = await import('../src/lib/chat.svelte')
const { TopicModel } = await import('../src/lib/topics.svelte')

let log: Entry[] = []
let asked = 0

async function page(
  { after, before, limit }: { after?: number; before?: number; limit: number },
  among = log,
): Promise<Entry[]> {
  asked += 1
  if (after !== undefined) return among.filter(({ seq }) => seq > after).slice(0, limit)
  return among.filter(({ seq }) => seq < (before ?? Infinity)).slice(-limit)
}

class Reader extends ChatModel {
  protected override fetch = page
}

class TopicReader extends TopicModel {
  protected override fetch = async (query: { after?: number; before?: number; limit: number }) =>
    page(
      query,
      log.filter(({ topic_id }) => topic_id === this.topicId),
    )
}

const seqs = (entries: readonly Entry[]) => entries.map(({ seq }) => seq)
const range = (first: number, last: number) => seqs(messages(first, last))
const settled = () => new Promise((done) => setTimeout(done))

function reader(fields: Partial<Chat> = {}): InstanceType<typeof Reader> {
  const seq = log.length
  return new Reader(chat({ seq, read_seq: seq, unread: 0, ...fields }), ME)
}

/** At the end, with all read; then so much is said while nobody listens. */
async function leftFor(missed: number): Promise<InstanceType<typeof Reader>> {
  const one = reader()
  await one.open()
  await settled()
  log = [...log, ...messages(log.length + 1, log.length + missed)]
  one.update(chat({ seq: log.length, read_seq: one.summary.seq, unread: missed }))
  return one
}

beforeEach(() => {
  log = messages(1, 2000)
  asked = 0
})

test.each([1, PAGE, GAP_MAX + 1, 10_001])(
  'a chat opens at its first unread message, be there %i',
  async (unread) => {
    log = messages(1, 12_000)
    const read = 12_000 - unread
    const one = reader({ read_seq: read, unread })

    await one.open()
    await settled()

    expect(seqs(one.entries)).toEqual(range(read - 39, Math.min(12_000, read + PAGE)))
    expect([one.detached, one.summary.unread, asked]).toEqual([unread > PAGE, unread, 2])
  },
)

test('what one reads on the way down is no longer unread, and at the end nothing is', async () => {
  log = messages(1, 12_000).map((entry) => (entry.seq % 10 ? entry : { ...entry, kind: 'reacted' as const }))
  const one = reader({ read_seq: 1990, unread: 9009 })
  await one.open()

  one.markRead(2000)
  expect(one.summary.unread).toBe(9000)
  while (one.detached) {
    await one.loadNewer()
    one.trim(Infinity)
    const seq = one.entries.at(-5)!.seq
    one.markRead(seq)
    expect(one.summary.unread).toBe(log.filter((entry) => entry.seq > seq && entry.kind === 'message').length)
  }
  one.markRead(12_000)

  expect(seqs(one.entries)).toEqual(range(12_001 - WINDOW_MAX, 12_000))
  expect(one.summary.unread).toBe(0)
})

test('whoever reads the last entry stays there when more come at once than a window holds', async () => {
  log = messages(1, 2000)
  const one = reader({ seq: 2000, read_seq: 2000 })
  one.remember(log)
  const come = messages(2001, 4300)
  log.push(...come)

  one.receive(come)
  while (one.entries.length > WINDOW_MAX) one.trim(2000)

  expect(seqs(one.entries)).toEqual(range(1001, 3000))
  expect(one.detached).toBe(true)
  await one.loadNewer()
  expect(one.entries.at(-1)!.seq).toBe(3000 + PAGE_MAX)
})

test('whoever missed ten thousand stays where they are and reads on without a hole', async () => {
  const one = await leftFor(10_000)
  const { generation } = one
  const read = seqs(one.entries)

  await one.fill()

  expect(seqs(one.entries)).toEqual([...read, ...range(2001, 2000 + PAGE_MAX)])
  expect([one.generation, one.detached, one.summary.read_seq, one.summary.unread]).toEqual([
    generation,
    true,
    2000,
    10_000,
  ])
  one.receive([message(12_001)])
  log.push(message(12_001))
  while (one.detached) await one.loadNewer()
  expect(seqs(one.entries)).toEqual([...read, ...range(2001, 12_001)])
  one.receive([message(12_002)])
  expect(one.entries.at(-1)!.seq).toBe(12_002)
})

test('a gap that is not long is closed at once, where the reader stands', async () => {
  const one = await leftFor(GAP_MAX)
  const { generation } = one

  await one.fill()

  expect(seqs(one.entries)).toEqual(range(2001 - PAGE, 2000 + GAP_MAX))
  expect([one.generation, one.detached, one.summary.unread]).toEqual([generation, false, GAP_MAX])
})

test('what was done meanwhile with what one sees is known before one has read so far', async () => {
  const one = await leftFor(10_000)
  log[1999] = message(2000, { text: 'Поправлено', version: 11_000 })
  log[1998] = message(1999, { deleted: true, text: '', version: 11_001 })

  await one.fill()

  expect([one.at(2000)!.text, one.at(1999)!.deleted]).toEqual(['Поправлено', true])
})

test('whoever reads far up learns what they missed of what they see, and nothing is asked twice', async () => {
  const one = await leftFor(0)
  await one.goTo(500)
  await settled()
  asked = 0
  const reacted = (seq: number): Entry =>
    message(seq, {
      kind: 'reacted',
      target: 500,
      message: { ...message(500), type: 'entry' } as NonNullable<Entry['message']>,
    })
  one.receive([reacted(2001), reacted(2002)])
  await settled()
  expect(asked).toBe(0)

  log[499] = message(500, { text: 'Поправлено', version: 2003 })
  one.receive([message(2004)])
  await settled()
  one.receive([message(2005)])
  await settled()

  expect([one.at(500)!.text, one.detached, asked]).toEqual(['Поправлено', true, 1])
})

test('a chat that was looked at before opens at what is unread by now', async () => {
  const one = await leftFor(GAP_MAX + 1)
  await one.open()
  await settled()
  expect(seqs(one.entries)).toEqual(range(1961, 2000 + PAGE))

  one.trim(Infinity, 20)
  expect(seqs(one.entries)[0]).toBe(2031)
  one.detached = false
  await one.open()
  expect(seqs(one.entries)).toContain(2000)
})

test('the end is a press away', async () => {
  const one = await leftFor(10_000)
  await one.fill()

  await one.toNewest()

  expect([one.entries.at(-1)!.seq, one.detached]).toEqual([12_000, false])
})

test("an answer of the server's that does not know of our mark yet takes nothing back", async () => {
  const one = await leftFor(500)
  await one.fill()
  one.markRead(2400)

  one.update(chat({ seq: 2500, read_seq: 2000, unread: 500 }))

  expect([one.summary.read_seq, one.summary.unread]).toEqual([2400, 100])
})

test('a topic opens at its first unread message, and whoever missed much of it stays there', async () => {
  log = messages(1, 8000).map((entry) => ({ ...entry, topic_id: entry.seq % 2 ? 3 : 4 }))
  const group = new ChatModel(chat({ seq: 8000 }), ME)
  const boats = { chat_id: 'lake', id: 3, unread: 3000, read_seq: 2000, others_read_seq: 0 } as Topic
  const one = new TopicReader(group, boats, ME)

  await one.open()
  await settled()
  const first = one.entries.findIndex(({ seq }) => seq > 2000)
  expect([first, one.entries.length, one.detached, one.summary.unread]).toEqual([40, 40 + PAGE, true, 3000])
  one.markRead(2021)
  expect(one.summary.unread).toBe(2989)

  await one.toNewest()
  const { generation } = one
  const known = seqs(one.entries)
  log = [...log, ...messages(8001, 12_000).map((entry) => ({ ...entry, topic_id: entry.seq % 2 ? 3 : 4 }))]
  one.newest = 12_000
  await one.fill()
  expect([one.generation, one.detached, one.entries.length]).toEqual([
    generation,
    true,
    known.length + GAP_MAX,
  ])
  while (one.detached) await one.loadNewer()
  expect(seqs(one.entries)).toEqual([...known, ...range(8001, 12_000).filter((seq) => seq % 2)])
})

/** What a server says of a message that went to another topic. */
function moved(seq: number, target: number, topic_id: number): Entry {
  log = log.map((entry) => (entry.seq === target ? { ...entry, topic_id, version: seq } : entry))
  const state = { type: 'entry' as const, ...log[target - 1]! }
  log = [...log, message(seq, { kind: 'moved', target, message: state })]
  return log.at(-1)!
}

test('a message that moves leaves one topic and stands at its place in the other, heard at once or later', async () => {
  log = messages(1, 20).map((entry) => ({ ...entry, topic_id: entry.seq % 2 ? 3 : 4 }))
  const summary = chat({ seq: 20, read_seq: 20, unread: 0, topics: true })
  const topics = [3, 4].map((id) => ({
    id,
    title: 'x',
    unread: 0,
    read_seq: 20,
    mentions: [],
    may_write: true,
  }))
  const [odd, even] = topics.map(
    (topic) => new TopicReader(new ChatModel(summary, ME), topic as unknown as Topic, ME),
  ) as [InstanceType<typeof TopicReader>, InstanceType<typeof TopicReader>]
  for (const one of [odd, even]) await one.open()

  const entry = moved(21, 7, 4)
  for (const one of [odd, even]) one.receive([entry])
  await settled()
  expect(seqs(odd.entries)).toEqual(range(1, 20).filter((seq) => seq % 2 && seq !== 7))
  expect(seqs(even.entries.filter(({ kind }) => kind === 'message'))).toEqual(
    range(1, 20).filter((seq) => seq === 7 || !(seq % 2)),
  )

  // Nobody listened: the gap is read, and with it what was done with what is here.
  moved(22, 7, 3)
  moved(23, 2, 3)
  log = log.map((each) => (each.seq === 4 ? { ...each, text: 'Иначе', version: 24 } : each))
  for (const one of [odd, even]) {
    one.newest = 24
    await one.fill()
  }
  expect(seqs(odd.entries)).toEqual(range(1, 20).filter((seq) => seq === 2 || seq % 2))
  expect(even.at(7)).toBe(undefined)
  expect(even.at(4)?.text).toBe('Иначе')
})
