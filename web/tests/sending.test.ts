import { expect, test } from 'vitest'
import { albumsOf, given, isWhole, mustWait, withFile, withoutFiles } from '../src/lib/outgoing'
import type { Unsent, UnsentAttachment } from '../src/lib/types'
import { BARS, barsOf, LEVEL_MAX, levelOf } from '../src/lib/waveform'

const file = (upload_id: string, media_id?: string): UnsentAttachment => ({
  upload_id,
  as: 'media',
  spoiler: false,
  name: 'lake.jpg',
  type: 'image/jpeg',
  size: 1000,
  ...(media_id ? { media_id } : {}),
})

const message = (...attachments: UnsentAttachment[]): Unsent => ({
  chat_id: 'lake',
  ref: 'a',
  text: '',
  at: '2026-11-23T10:00:00Z',
  state: 'pending',
  refusals: 0,
  attachments,
})

test('a message goes when the last of its files is there, in the order in which they were laid', () => {
  const begun = message(file('one'), file('two'))
  const half = withFile(begun, 'two', 'media-2')
  expect([begun, half].map(isWhole)).toEqual([false, false])

  const whole = withFile(half, 'one', 'media-1')

  expect(isWhole(whole)).toBe(true)
  expect(given(whole).map(({ media_id }) => media_id)).toEqual(['media-1', 'media-2'])
  expect(isWhole({ ...whole, attachments: [] })).toBe(true)
})

test('the same content chosen twice is shown once', () => {
  expect(given(message(file('one', 'same'), file('two', 'same'), file('three', 'other')))).toHaveLength(2)
})

test('what the server has lost is uploaded anew', () => {
  const again = withoutFiles(message(file('one', 'media-1')))
  expect(isWhole(again)).toBe(false)
  expect(again.attachments).toEqual([file('one')])
})

test('many files go as albums of ten, in order; words without any are one message', () => {
  const files = Array.from({ length: 23 }, (_, nth) => nth)
  expect(albumsOf(files).map(({ length }) => length)).toEqual([10, 10, 3])
  expect(albumsOf(files).flat()).toEqual(files)
  expect(albumsOf(files.slice(0, 10))).toHaveLength(1)
  expect(albumsOf([])).toEqual([[]])
})

test('an album waits for the one before it, until that is there or has failed', () => {
  const second: Unsent = { ...message(), ref: 'b', after: 'a' }
  expect(mustWait(second, [message(), second])).toBe(true)
  expect(mustWait(second, [second])).toBe(false)
  expect(mustWait(message(), [message()])).toBe(false)
})

test('silence is no bar, a full voice the tallest, and a whisper lies between', () => {
  const wave = (height: number): Float32Array =>
    Float32Array.from({ length: 512 }, (_, at) => height * Math.sin(at))
  expect(levelOf(new Float32Array(512))).toBe(0)
  expect(levelOf(wave(1.5))).toBe(LEVEL_MAX)
  const whisper = levelOf(wave(0.02))
  expect(whisper).toBeGreaterThan(3)
  expect(whisper).toBeLessThan(LEVEL_MAX - 10)
})

test('a word of a tenth of a second is seen in a minute of silence', () => {
  const levels = Array.from({ length: 1000 }, (_, at) => (at === 777 ? 30 : 0))
  const bars = barsOf(levels)
  expect(bars).toHaveLength(BARS)
  expect(bars[77]).toBe(30)
  expect(barsOf([])).toEqual(Array.from({ length: BARS }, () => 0))
  expect(barsOf([5, 9], 4)).toEqual([5, 5, 9, 9])
})
