// Days by the reader's own clock, as fields of a date have them.

/** 2026-11-26, as a field of a date has it. */
export function dayField(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** When that day begins here; undefined for what is no day. */
export function beginningOf(day: string): Date | undefined {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)
  if (!found) return undefined
  const date = new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]))
  return dayField(date) === day ? date : undefined
}
