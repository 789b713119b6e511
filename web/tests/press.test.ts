import { tick } from 'svelte'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Press } from '../src/lib/press.svelte'
import { buildRows, withoutNewer } from '../src/lib/rows'
import { ME, messages } from './entries'

const log = new EventTarget()
const row = new EventTarget()
let page: EventTarget
let press: Press

const down = (over: object = {}) =>
  press.begin({ button: 0, target: row, ...over } as unknown as PointerEvent, log)

beforeEach(() => {
  vi.useFakeTimers()
  page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  press = new Press()
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a press lasts until the click of what was pressed has been made', async () => {
  down()
  page.dispatchEvent(new Event('pointerup'))
  expect(press.stage).toBe('down')
  vi.advanceTimersByTime(100)
  expect(press.stage).toBe('ending')
  await tick()
  expect(press.stage).toBeUndefined()
})

test('a second press begins before the first has ended', async () => {
  down()
  page.dispatchEvent(new Event('pointerup'))
  down()
  vi.advanceTimersByTime(1000)
  await tick()
  expect(press.stage).toBe('down')
})

test('a finger that scrolls holds nothing up, and nobody holds a log for ever', async () => {
  down()
  page.dispatchEvent(new Event('pointercancel'))
  await tick()
  expect(press.stage).toBeUndefined()
  down()
  vi.advanceTimersByTime(60_000)
  await tick()
  expect(press.stage).toBeUndefined()
})

test('the scroll bar and other buttons of a mouse are no presses', () => {
  down({ target: log })
  expect(press.stage).toBeUndefined()
  down({ button: 2 })
  expect(press.stage).toBeUndefined()
})

test('of rows that came at both ends those above come first', () => {
  const rowsOf = (from: number, to: number) =>
    buildRows({ entries: messages(from, to), unsent: [], me: ME, unreadAfter: undefined })
  const held = rowsOf(5, 8)
  expect(withoutNewer(rowsOf(1, 11), held).map(({ key }) => key)).toEqual(rowsOf(1, 8).map(({ key }) => key))
  expect(withoutNewer(rowsOf(20, 22), held)).toHaveLength(3)
})
