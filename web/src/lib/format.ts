// Dates, times and lists as people of each language write them.
import { i18n, t, type Locale } from './i18n.svelte'
import { dayOf } from './rows'

const formats = new Map<string, Intl.DateTimeFormat>()

function dateFormat(locale: Locale, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const id = locale + JSON.stringify(options)
  let format = formats.get(id)
  if (!format)
    formats.set(id, (format = new Intl.DateTimeFormat(locale === 'ru' ? 'ru-RU' : 'en-GB', options)))
  return format
}

export function timeOf(at: string): string {
  return dateFormat(i18n.locale, { hour: '2-digit', minute: '2-digit' }).format(new Date(at))
}

/** The pill above a day's first message: Сегодня, Вчера, 23 ноября, 23 ноября 2025 г. */
export function dayLabel(at: string, now = new Date()): string {
  const days = daysBetween(at, now)
  if (days === 0) return t('date.today')
  if (days === 1) return t('date.yesterday')
  const sameYear = new Date(at).getFullYear() === now.getFullYear()
  return dateFormat(i18n.locale, {
    day: 'numeric',
    month: 'long',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(new Date(at))
}

/** The time in a chat row: 14:02 today, a weekday within a week, else 23 нояб. */
export function rowTime(at: string, now = new Date()): string {
  const days = daysBetween(at, now)
  if (days <= 0) return timeOf(at)
  const date = new Date(at)
  if (days < 7) return capitalised(dateFormat(i18n.locale, { weekday: 'short' }).format(date))
  if (date.getFullYear() === now.getFullYear())
    return dateFormat(i18n.locale, { day: 'numeric', month: 'short' }).format(date)
  return dateFormat(i18n.locale, { day: '2-digit', month: '2-digit', year: 'numeric' }).format(date)
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

export function longDate(at: string): string {
  return dateFormat(i18n.locale, { day: 'numeric', month: 'long', year: 'numeric' }).format(new Date(at))
}

export function fullTime(at: string): string {
  return dateFormat(i18n.locale, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(at))
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
  const options: Intl.DateTimeFormatOptions =
    date.getFullYear() === now.getFullYear() ? { month: 'long' } : { month: 'long', year: 'numeric' }
  return capitalised(dateFormat(i18n.locale, options).format(date))
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
  return dateFormat(i18n.locale, { weekday: width }).format(new Date(2024, 0, 1 + number))
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
