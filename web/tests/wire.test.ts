import { expect, test } from 'vitest'
import { backoffMs } from '../src/lib/backoff'
import { frames } from '../src/lib/frames'
import type { ClientEvent } from '../src/lib/types'

const send = (ref: string, text: string): ClientEvent => ({ type: 'send', chat_id: 'lake', ref, text })

test('one event is an object, several are an array', () => {
  expect(frames([send('a', 'x')])).toEqual([JSON.stringify(send('a', 'x'))])
  expect(JSON.parse(frames([send('a', 'x'), send('b', 'y')])[0]!)).toHaveLength(2)
})

test('no frame is longer than the protocol allows, and none is lost', () => {
  const events = Array.from({ length: 60 }, (_, index) => send(`r${index}`, 'ы'.repeat(4096)))
  const packed = frames(events)
  for (const frame of packed) expect(new TextEncoder().encode(frame).length).toBeLessThanOrEqual(64 * 1024)
  expect(packed.flatMap((frame) => JSON.parse(frame) as ClientEvent[])).toEqual(events)
})

test('the wait doubles up to half a minute and is never the same for everyone', () => {
  expect([0, 1, 2].map((attempt) => backoffMs(attempt, () => 1))).toEqual([200, 400, 800])
  expect(backoffMs(50, () => 1)).toBe(30_000)
  expect(backoffMs(0, () => 0)).toBe(100)
})
