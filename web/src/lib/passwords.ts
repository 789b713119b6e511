// How hard a new password is to guess, as far as a browser can tell. The server has the last word: it knows
// which passwords were breached.
import type { Problem } from './problems'

export const PASSWORD_MIN = 15
/** Where a second factor is on. */
export const PASSWORD_MIN_BESIDE = 8
export const PASSWORD_BYTES_MAX = 1024
const STRONG_MIN = 22
const DISTINCT_MIN = 5
const STRONG_DISTINCT_MIN = 9
const REPEATED_MAX = 8
const OWN_LETTERS_MIN = 4
const KNOWN_WORD_MIN = 3
/** Of neighbouring characters, in a hundred: as the server's. */
const NEIGHBOURS_PERCENT_MAX = 70
const TRACKS = [
  '12345678901234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/',
  'abcdefghijklmnopqrstuvwxyz',
  'йцукенгшщзхъ',
  'фывапролджэ',
  'ячсмитьбю',
  '1йфя2цыч3увс4кам5епи6нрт7гоь',
  'абвгдежзийклмнопрстуфхцчшщъыьэюя',
]
const PRODUCT_WORDS = 'kaif ozero кайф озеро'

export type Strength = 'none' | 'short' | 'obvious' | 'fair' | 'strong'

/** `about` is what others know of the person: names and addresses; `min` how long it must be. */
export function strengthOf(password: string, about: string[], min = PASSWORD_MIN): Strength {
  const chars = [...folded(password)]
  if (!chars.length) return 'none'
  if (chars.length < min) return 'short'
  if (isObvious(chars, about)) return 'obvious'
  return chars.length >= STRONG_MIN && new Set(chars).size >= STRONG_DISTINCT_MIN ? 'strong' : 'fair'
}

/** Codes with which the server refuses a new password. */
export function isAboutPassword({ code, field }: Problem): boolean {
  return /^password_(too_|breached)/.test(code) || (code === 'invalid' && field === 'password')
}

/** In letters, not in the code points with which they are typed. */
export function lengthOf(password: string): number {
  return [...password.normalize('NFKC')].length
}

export function bytesOf(password: string): number {
  return new TextEncoder().encode(password.normalize('NFKC')).length
}

function isObvious(chars: string[], about: string[]): boolean {
  const period = periodOf(chars)
  const repeats = period < chars.length && period <= REPEATED_MAX
  return (
    repeats || new Set(chars).size < DISTINCT_MIN || followsATrack(chars) || isKnown(chars.join(''), about)
  )
}

/** A walk on a keyboard or in an alphabet. */
function followsATrack(chars: string[]): boolean {
  const near = chars.slice(1).filter((char, at) => areNeighbours(chars[at] ?? '', char))
  return near.length * 100 > (chars.length - 1) * NEIGHBOURS_PERCENT_MAX
}

function areNeighbours(one: string, next: string): boolean {
  return one === next || TRACKS.some((track) => track.includes(one + next) || track.includes(next + one))
}

/** After how many characters it begins anew. */
function periodOf(chars: string[]): number {
  for (let size = 1; size <= chars.length / 2; size++) {
    if (chars.every((char, at) => at < size || char === chars[at - size])) return size
  }
  return chars.length
}

function isKnown(text: string, about: string[]): boolean {
  let rest = text.replace(/[^\p{L}\p{N}]/gu, '')
  const words = [...about, PRODUCT_WORDS].flatMap((known) => folded(known).match(/\p{L}+/gu) ?? [])
  const known = words.filter((word) => word.length >= KNOWN_WORD_MIN && rest.includes(word))
  if (!known.length) return false
  for (const word of known.sort((a, b) => b.length - a.length)) rest = rest.replaceAll(word, '')
  return rest.replace(/\P{L}/gu, '').length < OWN_LETTERS_MIN
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll('ё', 'е')
}
