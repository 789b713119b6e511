// By what messages are sought besides words.
import { beginningOf } from './days'
import type { Key } from './i18n.svelte'

/** What a message carries. */
export const CARRIED = [
  'image',
  'video',
  'voice',
  'audio',
  'file',
  'link',
  'poll',
  'location',
  'contact',
] as const
export type Carried = (typeof CARRIED)[number]

export const WORDS_OF_CARRIED: Record<Carried, Key> = {
  image: 'search.has_image',
  video: 'search.has_video',
  voice: 'search.has_voice',
  audio: 'search.has_audio',
  file: 'search.has_file',
  link: 'search.links',
  poll: 'search.has_poll',
  location: 'search.has_location',
  contact: 'search.has_contact',
}

/** Days as fields of a date have them; either may be empty. */
export interface Days {
  from: string
  to: string
}

/** From the beginning of the first day to the end of the last, by the reader's clock. */
export function momentsOf({ from, to }: Days): { since?: string; until?: string } {
  const since = beginningOf(from)
  const until = beginningOf(to)
  // Days on which clocks are changed are longer or shorter than others.
  until?.setDate(until.getDate() + 1)
  return {
    ...(since ? { since: since.toISOString() } : {}),
    ...(until ? { until: until.toISOString() } : {}),
  }
}

/** Whether the last day is before the first. */
export function areCrossed({ from, to }: Days): boolean {
  return from !== '' && to !== '' && to < from
}
