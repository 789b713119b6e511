import { expect, test } from 'vitest'
import { pauseLeftMs } from '../src/lib/slowMode'
import type { Chat, Entry } from '../src/lib/types'

const chat = (slow_mode_s: number, role: Chat['role'] = 'member'): Chat => ({ slow_mode_s, role }) as Chat
const said = (at: string, sender_id = 'anna'): Entry => ({ at, sender_id, kind: 'message' }) as Entry
const NOON = Date.parse('2026-11-26T12:00:00Z')

test('whoever wrote in a slow group waits for the rest of its pause', () => {
  const log = [said('2026-11-26T11:59:50Z'), said('2026-11-26T11:59:59Z', 'boris')]
  expect(pauseLeftMs(chat(30), log, 'anna', NOON)).toBe(20_000)
  expect(pauseLeftMs(chat(10), log, 'anna', NOON)).toBe(0)
})

test('nobody waits who looks after the group, has not written, or is in a quick one', () => {
  const log = [said('2026-11-26T11:59:59Z')]
  expect(pauseLeftMs(chat(30, 'admin'), log, 'anna', NOON)).toBe(0)
  expect(pauseLeftMs(chat(30), log, 'boris', NOON)).toBe(0)
  expect(pauseLeftMs(chat(0), log, 'anna', NOON)).toBe(0)
})

test('a clock that is an hour slow makes nobody wait for an hour', () => {
  expect(pauseLeftMs(chat(30), [said('2026-11-26T13:00:00Z')], 'anna', NOON)).toBe(30_000)
})
