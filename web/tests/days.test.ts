import { expect, test } from 'vitest'
import { beginningOf, dayField } from '../src/lib/days'

test('a day is a field and back', () => {
  for (const day of ['2024-02-29', '2026-01-01', '2026-12-31']) expect(dayField(beginningOf(day)!)).toBe(day)
})

test.each(['', '2026-02-30', '2026-13-01', '26-1-1', 'today'])('%j is no day', (day) => {
  expect(beginningOf(day)).toBeUndefined()
})
