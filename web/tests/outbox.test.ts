import { expect, test } from 'vitest'
import { Outbox, refuse, REFUSALS_MAX } from '../src/lib/outbox'
import type { Unsent } from '../src/lib/types'

/** The part of Web Storage that the outbox uses, keys as own properties. */
function storage(): Storage {
  const methods = {
    getItem(this: Record<string, string>, key: string) {
      return this[key] ?? null
    },
    setItem(this: Record<string, string>, key: string, value: string) {
      this[key] = value
    },
    removeItem(this: Record<string, string>, key: string) {
      delete this[key]
    },
  }
  return Object.create(methods) as Storage
}

const message = (ref: string, at = '2026-11-23T10:00:00Z'): Unsent => ({
  chat_id: 'lake',
  ref,
  text: 'Привет',
  at,
  state: 'pending',
  refusals: 0,
})

test('what was put comes back in order after a reload', () => {
  const disk = storage()
  const before = new Outbox(disk, 'anna')
  before.put(message('b', '2026-11-23T10:00:02Z'))
  before.put(message('a', '2026-11-23T10:00:01Z'))
  expect(new Outbox(disk, 'anna').all().map(({ ref }) => ref)).toEqual(['a', 'b'])
})

test('an acknowledged message is gone, another account sees nothing', () => {
  const disk = storage()
  const outbox = new Outbox(disk, 'anna')
  outbox.put(message('a'))
  outbox.put(message('b'))
  outbox.remove('a')
  expect(outbox.all().map(({ ref }) => ref)).toEqual(['b'])
  expect(new Outbox(disk, 'boris').all()).toEqual([])
})

test('a passing refusal is tried again, but not for ever', () => {
  let refused = message('a')
  for (let time = 1; time < REFUSALS_MAX; time += 1) {
    refused = refuse(refused, 'busy')
    expect(refused.state).toBe('pending')
  }
  expect(refuse(refused, 'busy')).toMatchObject({ state: 'failed', text: 'Привет' })
})

test('a final refusal fails at once', () => {
  expect(refuse(message('a'), 'chat_not_found')).toMatchObject({ state: 'failed', problem: 'chat_not_found' })
})
