// Dates, times and lists as people of each language write them.
import { i18n, t, type Locale } from './i18n.svelte'
import { dayOf } from './rows'

const SHAPES = {
  time: { hour: '2-digit', minute: '2-digit' },
  full: { dateStyle: 'long', timeStyle: 'short' },
  day: { day: 'numeric', month: 'long' },
  dayOfYear: { day: 'numeric', month: 'long', year: 'numeric' },
  shortDay: { day: 'numeric', month: 'short' },
  digits: { day: '2-digit', month: '2-digit', year: 'numeric' },
  month: { month: 'long' },
  monthOfYear: { month: 'long', year: 'numeric' },
  short: { weekday: 'short' },
  long: { weekday: 'long' },
} satisfies Record<string, Intl.DateTimeFormatOptions>
type Shape = keyof typeof SHAPES

const formats: Record<Locale, Partial<Record<Shape, Intl.DateTimeFormat>>> = { ru: {}, en: {} }

function written(date: Date, shape: Shape): string {
  const { locale } = i18n
  const format = (formats[locale][shape] ??= new Intl.DateTimeFormat(
    locale === 'ru' ? 'ru-RU' : 'en-GB',
    SHAPES[shape],
  ))
  return format.format(date)
}

export function timeOf(at: string): string {
  return written(new Date(at), 'time')
}

/** The pill above a day's first message: Сегодня, Вчера, 23 ноября, 23 ноября 2025 г. */
export function dayLabel(at: string, now = new Date()): string {
  const days = daysBetween(at, now)
  if (days === 0) return t('date.today')
  if (days === 1) return t('date.yesterday')
  const date = new Date(at)
  return written(date, date.getFullYear() === now.getFullYear() ? 'day' : 'dayOfYear')
}

/** The time in a chat row: 14:02 today, a weekday within a week, else 23 нояб. */
export function rowTime(at: string, now = new Date()): string {
  const days = daysBetween(at, now)
  if (days <= 0) return timeOf(at)
  const date = new Date(at)
  return days < 7 ? capitalised(written(date, 'short')) : shortDay(date, now)
}

/** How long ago, while that says more than the date: 20 минут назад, сегодня в 09:12, 18 ноября. */
export function whenOf(at: string, now = new Date()): string {
  const minutes = Math.floor((now.getTime() - Date.parse(at)) / 60_000)
  if (minutes < 1) return t('when.just_now')
  if (minutes < 60) return t('when.minutes_ago', { n: minutes })
  const days = daysBetween(at, now)
  if (days === 0) return t('when.today', { time: timeOf(at) })
  if (days === 1) return t('when.yesterday', { time: timeOf(at) })
  return dayLabel(at, now)
}

/** A day within a sentence: сегодня, вчера, 4 мая, 4 мая 2025 г. */
export function dayInText(at: string, now = new Date()): string {
  const days = daysBetween(at, now)
  if (days === 0) return t('when.day_today')
  return days === 1 ? t('when.day_yesterday') : dayLabel(at, now)
}

/** 23 нояб., 23.11.2025. */
export function shortDay(date: Date, now = new Date()): string {
  return written(date, date.getFullYear() === now.getFullYear() ? 'shortDay' : 'digits')
}

export function longDate(at: string): string {
  return written(new Date(at), 'dayOfYear')
}

export function fullTime(at: string): string {
  return written(new Date(at), 'full')
}

/** Monday is 0. */
export function shortWeekday(number: number): string {
  return capitalised(weekday(number, 'short'))
}

export function longWeekday(number: number): string {
  return capitalised(weekday(number, 'long'))
}

export function number(value: number): string {
  return new Intl.NumberFormat(i18n.locale).format(value)
}

/** With a part: 1,5 */
export function decimal(value: number): string {
  return new Intl.NumberFormat(i18n.locale, { maximumFractionDigits: 2 }).format(value)
}

/** A month as the head of a list: Ноябрь, Октябрь 2025 г. */
export function monthOf(at: string, now = new Date()): string {
  const date = new Date(at)
  return capitalised(written(date, date.getFullYear() === now.getFullYear() ? 'month' : 'monthOfYear'))
}

/** As short as it can be said: 950, 1,2 тыс. */
export function compact(value: number): string {
  return new Intl.NumberFormat(i18n.locale, { notation: 'compact', maximumFractionDigits: 1 }).format(value)
}

/** A title that stands inside quotation marks: its own become inner ones. */
export function inQuotes(title: string): string {
  const [opening, closing] = i18n.locale === 'ru' ? ['„', '“'] : ['‘', '’']
  return title.replace(/[«“„]/gu, opening).replace(/[»”]/gu, closing)
}

export function listOf(names: string[]): string {
  return new Intl.ListFormat(i18n.locale, { type: 'conjunction' }).format(names)
}

function daysBetween(at: string, now: Date): number {
  if (dayOf(at) === dayOf(now.toISOString())) return 0
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime()
  return Math.max(1, Math.ceil((midnight - Date.parse(at)) / 86_400_000))
}

function weekday(number: number, width: 'short' | 'long'): string {
  // The first of January 2024 was a Monday.
  return written(new Date(2024, 0, 1 + number), width)
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
