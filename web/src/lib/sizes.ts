// How large a file is and how long a sound, as people write it.
import { i18n } from './i18n.svelte'

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** 812 Б, 3,4 МБ: in the units of a thousand in which systems show files. */
export function sizeOf(bytes: number): string {
  let place = 0
  let value = bytes
  // What would be rounded up to a thousand is one of the next unit.
  for (; value >= 999.5 && place < UNITS.length - 1; place += 1) value /= 1000
  const written = new Intl.NumberFormat(i18n.locale, {
    style: 'unit',
    unit: UNITS[place]!,
    unitDisplay: 'short',
    maximumFractionDigits: place > 1 && value < 10 ? 1 : 0,
  }).format(value)
  // The one unit that English does not shorten by itself, and not even puts in the plural.
  return written.replace('byte', 'B')
}

/** 0:07, 12:30, 1:02:00. */
export function lengthOf(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const rest = String(seconds % 60).padStart(2, '0')
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}
