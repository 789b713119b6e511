import { describe, expect, test } from 'vitest'
import { choices, fieldValue, momentOf } from '../src/lib/whenToSend'

const at = (day: number, hour: number, minute = 0) => new Date(2026, 10, day, hour, minute)

describe('when to send', () => {
  test('tonight is offered while the evening is to come', () => {
    expect(choices(at(26, 12)).map(({ choice, at }) => [choice, at.getTime()])).toEqual([
      ['hour', at(26, 13).getTime()],
      ['tonight', at(26, 20).getTime()],
      ['tomorrow', at(27, 9).getTime()],
    ])
    expect(choices(at(26, 19, 58)).map(({ choice }) => choice)).toEqual(['hour', 'tomorrow'])
    expect(choices(at(30, 23)).at(-1)?.at).toEqual(new Date(2026, 11, 1, 9))
  })

  test('a field of date and time means this clock, within a year', () => {
    const now = at(26, 12)
    expect(momentOf(fieldValue(at(27, 9, 5)), now)).toEqual(at(27, 9, 5))
    expect(fieldValue(at(7, 9, 5))).toBe('2026-11-07T09:05')
    for (const value of ['', 'nonsense', fieldValue(now), fieldValue(at(25, 12)), '2027-11-28T12:01'])
      expect(momentOf(value, now)).toBeUndefined()
  })
})
