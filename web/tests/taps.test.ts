import { expect, test } from 'vitest'
import { Taps } from '../src/lib/taps'

const at = (clientX: number, timeStamp: number) => ({ clientX, clientY: 0, timeStamp })

/** Where each was put down, where and when it was lifted; whether the last made two. */
function tapped(...taps: [from: number, to: number, atMs: number][]): boolean {
  const all = new Taps()
  return taps
    .map(([from, to, atMs]) => {
      all.down(at(from, atMs - 50))
      return all.up(at(to, atMs))
    })
    .at(-1)!
}

test('two taps in one place, soon after one another, are a double tap', () => {
  expect(tapped([10, 12, 100], [30, 30, 350])).toBe(true)
})

test('neither one tap is, nor two that are far apart in time or place', () => {
  expect(tapped([10, 10, 100])).toBe(false)
  expect(tapped([10, 10, 100], [10, 10, 400])).toBe(false)
  expect(tapped([10, 10, 100], [60, 60, 200])).toBe(false)
})

test('the third begins anew, and what drags is no tap', () => {
  expect(tapped([10, 10, 100], [10, 10, 200], [10, 10, 300])).toBe(false)
  expect(tapped([10, 30, 100], [30, 30, 200])).toBe(false)
  expect(tapped([10, 10, 100], [10, 30, 200])).toBe(false)
})

test('a second finger makes no tap of it', () => {
  const taps = new Taps()
  taps.down(at(10, 50))
  taps.up(at(10, 100))
  taps.down(at(10, 150))
  taps.spoil()
  expect(taps.up(at(10, 200))).toBe(false)
})
