import { expect, test } from 'vitest'
import { beginningOf, dayField } from '../src/lib/days'
import { areCrossed, momentsOf } from '../src/lib/searchFilters'

test('days are whole, by the clock of whoever reads', () => {
  const { since, until } = momentsOf({ from: '2026-02-28', to: '2026-02-28' })
  expect(since).toBe(beginningOf('2026-02-28')!.toISOString())
  expect(until).toBe(beginningOf('2026-03-01')!.toISOString())
})

test('a day on which the clock is changed is whole, too', () => {
  for (const month of [2, 9])
    for (let day = 1; day <= 31; day += 1) {
      const one = dayField(new Date(2026, month, day))
      const next = dayField(new Date(2026, month, day + 1))
      expect(momentsOf({ from: '', to: one })).toEqual({ until: beginningOf(next)!.toISOString() })
    }
})

test('either day may be left out, and what is no day says nothing', () => {
  expect(momentsOf({ from: '', to: '' })).toEqual({})
  expect(momentsOf({ from: '2026-02-30', to: '' })).toEqual({})
  expect(Object.keys(momentsOf({ from: '2026-02-01', to: '' }))).toEqual(['since'])
})

test('the last day is not before the first', () => {
  expect(areCrossed({ from: '2026-11-26', to: '2026-11-25' })).toBe(true)
  expect(areCrossed({ from: '2026-11-26', to: '2026-11-26' })).toBe(false)
  expect(areCrossed({ from: '', to: '2026-11-25' })).toBe(false)
})
