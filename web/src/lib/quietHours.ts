// The pure rules of quiet hours, which the server counts in minutes after midnight.
import type { NotificationSettings } from './types'

export type Weekday = 'mo' | 'tu' | 'we' | 'th' | 'fr' | 'sa' | 'su'
export const WEEKDAYS: readonly Weekday[] = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su']

/** What whoever turns them on begins with: a night. */
const FROM = 23 * 60
const UNTIL = 8 * 60
const MORNING_HOUR = 8

type Hours = Pick<NotificationSettings, 'quiet_from' | 'quiet_until'>

export function areQuiet({ quiet_from, quiet_until }: Hours): boolean {
  return quiet_from !== quiet_until
}

export function night(): Hours {
  return { quiet_from: FROM, quiet_until: UNTIL }
}

export function none(): Hours {
  return { quiet_from: 0, quiet_until: 0 }
}

/** 540 is 09:00, as an input of a time has it. */
export function clockOf(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** Undefined for what is no time, such as a field that was emptied. */
export function minutesOf(clock: string): number | undefined {
  const found = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(clock)
  return found ? Number(found[1]) * 60 + Number(found[2]) : undefined
}

/** With the day or without it; in the order of the week, as the server keeps it. */
export function toggled(days: readonly Weekday[], day: Weekday): Weekday[] {
  return WEEKDAYS.filter((each) => days.includes(each) !== (each === day))
}

/** The zones that this browser knows, with those that are named whether it knows them or not. */
export function zones(...named: string[]): string[] {
  return [...new Set([...Intl.supportedValuesOf('timeZone'), ...named])].sort()
}

export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}

/** Whether nothing is told at this moment: what begins on a day may last beyond its midnight. */
export function isQuiet(settings: NotificationSettings, now: Date): boolean {
  if (!areQuiet(settings)) return false
  const { quiet_from, quiet_until, quiet_days, time_zone } = settings
  const { minute, today } = localTime(now, time_zone)
  const holds = (day: number) => quiet_days.includes(WEEKDAYS[(day + 7) % 7]!)
  if (quiet_from < quiet_until) return quiet_from <= minute && minute < quiet_until && holds(today)
  return minute >= quiet_from ? holds(today) : minute < quiet_until && holds(today - 1)
}

/** Monday is 0. */
function localTime(now: Date, timeZone: string): { minute: number; today: number } {
  const asked = { hour: '2-digit', minute: '2-digit', weekday: 'short', hourCycle: 'h23', timeZone } as const
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', asked).formatToParts(now).map(({ type, value }) => [type, value]),
  )
  const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
  return {
    minute: Number(parts['hour']) * 60 + Number(parts['minute']),
    today: days.indexOf(parts['weekday'] ?? ''),
  }
}

/** When tomorrow begins for somebody who sleeps. */
export function tomorrow(now = new Date()): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING_HOUR)
}
