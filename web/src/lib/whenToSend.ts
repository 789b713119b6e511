// When a message may be sent that waits: the usual choices, in one's own time zone, and the fields of a form.
export const AHEAD_DAYS_MAX = 366
const HOUR_MS = 3_600_000
const EVENING = 20
const MORNING = 9
/** What is so near is no "tonight" any more. */
const NEAR_MS = 5 * 60_000

export type Choice = 'hour' | 'tonight' | 'tomorrow'

/** The choices that are still to come; `at` is what a clock on the wall shows, so a change to summer time moves none. */
export function choices(now = new Date()): { choice: Choice; at: Date }[] {
  const tonight = onDay(now, 0, EVENING)
  return [
    { choice: 'hour', at: new Date(now.getTime() + HOUR_MS) },
    ...(tonight.getTime() - now.getTime() > NEAR_MS ? [{ choice: 'tonight' as const, at: tonight }] : []),
    { choice: 'tomorrow', at: onDay(now, 1, MORNING) },
  ]
}

function onDay(now: Date, later: number, hour: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + later, hour)
}

/** What a field of date and time shows: the wall clock, to the minute. */
export function fieldValue(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`
}

/** The moment that such a field means here; undefined for none, for what has passed, and for what is too far ahead. */
export function momentOf(value: string, now = new Date()): Date | undefined {
  const at = new Date(value)
  const ahead = at.getTime() - now.getTime()
  return ahead > 0 && ahead <= AHEAD_DAYS_MAX * 24 * HOUR_MS ? at : undefined
}
