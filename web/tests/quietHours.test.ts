import { describe, expect, test } from 'vitest'
import { areQuiet, clockOf, isQuiet, minutesOf, night, none, toggled, tomorrow } from '../src/lib/quietHours'
import type { NotificationSettings } from '../src/lib/types'

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

  test.each([
    // A Friday evening's hours last until Saturday morning, in the person's own zone.
    ['2026-11-27T19:59:00Z', false],
    ['2026-11-27T20:00:00Z', true],
    ['2026-11-28T04:59:00Z', true],
    ['2026-11-28T05:00:00Z', false],
    ['2026-11-28T21:00:00Z', false],
  ])('at %s it is quiet: %j', (at, quiet) => {
    const settings = { ...night(), quiet_days: ['fr'], time_zone: 'Europe/Moscow' } as NotificationSettings
    expect(isQuiet(settings, new Date(at))).toBe(quiet)
  })

  test('what lasts within a day, and nothing at all', () => {
    const hours = { quiet_from: 60, quiet_until: 120, quiet_days: ['th'], time_zone: 'UTC' }
    expect(isQuiet(hours as NotificationSettings, new Date('2026-11-26T01:00:00Z'))).toBe(true)
    expect(isQuiet(hours as NotificationSettings, new Date('2026-11-26T02:00:00Z'))).toBe(false)
    expect(isQuiet(hours as NotificationSettings, new Date('2026-11-27T01:00:00Z'))).toBe(false)
    expect(isQuiet({ ...hours, ...none() } as NotificationSettings, new Date())).toBe(false)
  })
})
