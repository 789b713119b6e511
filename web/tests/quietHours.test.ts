import { describe, expect, test } from 'vitest'
import { areQuiet, clockOf, minutesOf, night, none, toggled, tomorrow } from '../src/lib/quietHours'

describe('quiet hours', () => {
  test('a time is minutes after midnight and back', () => {
    for (const minutes of [0, 1, 59, 60, 8 * 60, 23 * 60 + 59])
      expect(minutesOf(clockOf(minutes))).toBe(minutes)
    expect(clockOf(545)).toBe('09:05')
  })

  test.each(['', '24:00', '12:60', '9:00', '09:00:00', 'noon'])('%j is no time', (clock) => {
    expect(minutesOf(clock)).toBeUndefined()
  })

  test('a night is quiet, and nothing is not', () => {
    expect(areQuiet(night())).toBe(true)
    expect(areQuiet(none())).toBe(false)
  })

  test('a day is taken and given back without changing the week’s order', () => {
    expect(toggled(['su'], 'mo')).toEqual(['mo', 'su'])
    expect(toggled(['mo', 'su'], 'mo')).toEqual(['su'])
  })

  test('tomorrow is the next morning, over the end of a month as well', () => {
    const at = tomorrow(new Date(2026, 10, 30, 23, 59))
    expect([at.getMonth(), at.getDate(), at.getHours(), at.getMinutes()]).toEqual([11, 1, 8, 0])
  })
})
