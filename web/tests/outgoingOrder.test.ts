// What waits to be sent, with a server that answers when it is told to.
import { beforeEach, expect, test, vi } from 'vitest'
import type { Realtime } from '../src/lib/realtime.svelte'
import type { ClientEvent, UnsentAttachment } from '../src/lib/types'
import { chat, ME, message } from './entries'

const storage: Storage = Object.create({
  getItem(this: Record<string, string>, key: string) {
    return this[key] ?? null
  },
  setItem(this: Record<string, string>, key: string, value: string) {
    this[key] = value
  },
  removeItem(this: Record<string, string>, key: string) {
    delete this[key]
  },
}) as Storage
vi.stubGlobal('localStorage', storage)
vi.stubGlobal('navigator', { language: 'ru', onLine: true })
vi.stubGlobal('addEventListener', () => {})
const { ChatModel } = await import('../src/lib/chat.svelte')
const { Sending } = await import('../src/lib/sending')

let told: string[] = []
const realtime = {
  online: true,
  send: (events: readonly ClientEvent[]) => {
    for (const event of events) if (event.type === 'send') told.push(event.text)
  },
  reconnect: () => {},
} as Pick<Realtime, 'online' | 'send' | 'reconnect'> as Realtime

const file = (name: string): UnsentAttachment => ({
  upload_id: name,
  as: 'file',
  spoiler: false,
  name,
  type: '',
  size: 1,
  media_id: name,
})

function begin(...ids: string[]) {
  const chats = new Map(ids.map((id) => [id, new ChatModel(chat({ id }), ME)]))
  return { chats, sending: new Sending(ME, chats, realtime, async () => {}) }
}

beforeEach(() => {
  vi.useFakeTimers()
  told = []
  for (const key of Object.keys(storage)) storage.removeItem(key)
})

/** One after the other: `1`, `2`, `3`. */
function albums(sending: InstanceType<typeof Sending>): string[] {
  let after: string | undefined
  return ['1', '2', '3'].map(
    (text) =>
      (after = sending.send('lake', text, { attachments: [file(text)], ...(after ? { after } : {}) })),
  )
}

test('each album goes when the one before it stands in the log', () => {
  const { sending } = begin('lake')
  const refs = albums(sending)
  expect(told).toEqual(['1'])

  for (const ref of refs) sending.acknowledge([message(1, { sender_id: ME, ref })])

  expect(told).toEqual(['1', '2', '3'])
  expect(sending.count).toBe(0)
})

test('an album that is taken back lets nothing pass what went before it', () => {
  const { chats, sending } = begin('lake')
  const [first] = albums(sending)

  sending.discard(chats.get('lake')!.waiting[1]!)
  expect(told).toEqual(['1'])

  sending.acknowledge([message(1, { sender_id: ME, ref: first! })])
  expect(told).toEqual(['1', '3'])
})

test('an album that failed lets nothing pass what went before it, and holds nothing up', () => {
  const { sending } = begin('lake')
  const [first, second] = albums(sending)

  sending.refused({ type: 'refused', ref: second!, code: 'media_not_allowed', detail: '' })
  expect(told).toEqual(['1'])

  sending.acknowledge([message(1, { sender_id: ME, ref: first! })])
  expect(told).toEqual(['1', '3'])
})

test('the first album that is taken back lets the others go in their order', () => {
  const { chats, sending } = begin('lake')
  const [, second] = albums(sending)

  sending.discard(chats.get('lake')!.waiting[0]!)
  expect(told).toEqual(['1', '2'])

  sending.acknowledge([message(1, { sender_id: ME, ref: second! })])
  expect(told).toEqual(['1', '2', '3'])
})

test('a comment whose answer was lost waits no longer when it comes by the group', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no network')))
  const { chats, sending } = begin('channel', 'discussion')
  const ref = sending.send('channel', 'Первый', { post: 7 })
  await vi.advanceTimersByTimeAsync(0)

  sending.acknowledge([message(3, { chat_id: 'discussion', sender_id: ME, ref })])

  expect(chats.get('channel')!.waiting).toEqual([])
  expect(sending.count).toBe(0)
})
