import { expect, test, vi } from 'vitest'
import type { Seen } from '../src/lib/types'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
vi.stubGlobal('addEventListener', () => {})
const { wordsOf } = await import('../src/lib/lastSeen')

const MINUTE = '2026-05-04T09:15:00Z'

const words = (now: string, seen: Partial<Seen> = {}): string =>
  wordsOf({ user_id: 'anna', online: false, at: MINUTE, about: 'recently', ...seen }, new Date(now))

test.each([
  ['2026-05-04T09:15:00Z', 'был(а) только что'],
  // They left at 09:15:59, which is told as 09:15.
  ['2026-05-04T09:16:02Z', 'был(а) только что'],
  ['2026-05-04T09:17:00Z', 'был(а) 2 минуты назад'],
])('somebody who was here at 09:15 is at %s %s', (now, expected) => {
  expect(words(now)).toBe(expected)
})

test('whoever is here is so whatever was noted of them', () => {
  expect(words('2026-05-04T10:00:00Z', { online: true })).toBe('в\u00a0сети')
})

test('whoever shows no time is seen only about when', () => {
  expect(words('2026-05-04T10:00:00Z', { at: null })).toBe('был(а) недавно')
})

test('of bots nothing is said', () => {
  expect(words('2026-05-04T10:00:00Z', { at: null, about: null })).toBe('')
})
