// The pure rules of mentions: which of them are unread, and what is being typed after an @.
import type { Person } from './types'

/** As many of a chat's unread mentions are known, the first ones. */
export const KNOWN_MAX = 100
const OFFERED_MAX = 8
/** What may stand before an @ is no part of a word, so that addresses are none; a name may be of any letters. */
const BEGUN = /(?:^|[^\p{L}\p{N}_@.])@([\p{L}\p{N}][\p{L}\p{N}._-]{0,31})?$/u

/** Those that the mark has not passed. */
export function unreadOf(mentions: readonly number[] | undefined, readSeq: number): number[] {
  return (mentions ?? []).filter((seq) => seq > readSeq)
}

/** After these were said after the mark, in order. Of more than are known the server tells when those are read. */
export function withMentions(
  mentions: readonly number[] | undefined,
  seqs: readonly number[],
  readSeq: number,
): number[] {
  const known = mentions ?? []
  if (known.length >= KNOWN_MAX) return [...known]
  const all = new Set([...known, ...unreadOf(seqs, readSeq)])
  return [...all].sort((a, b) => a - b).slice(0, KNOWN_MAX)
}

export function withoutMentions(mentions: readonly number[] | undefined, seqs: readonly number[]): number[] {
  return (mentions ?? []).filter((seq) => !seqs.includes(seq))
}

export interface Begun {
  /** Where the @ stands. */
  start: number
  name: string
}

/** What has been typed of somebody's name right before the caret. */
export function begunMention(text: string, caret: number): Begun | undefined {
  const found = BEGUN.exec(text.slice(0, caret))
  if (!found) return undefined
  const name = found[1] ?? ''
  return { start: caret - name.length - 1, name: name.toLocaleLowerCase() }
}

/** Those whose username, or a word of whose name, begins so; each once, in the order in which they are given. */
export function namedSo(people: readonly Person[], name: string, me: string): Person[] {
  const found = new Map<string, Person>()
  for (const person of people)
    if (person.id !== me && beginsSo(person, name) && !found.has(person.id)) found.set(person.id, person)
  return [...found.values()].slice(0, OFFERED_MAX)
}

function beginsSo({ username, display_name }: Person, name: string): boolean {
  const words = [username, ...display_name.split(/\s+/)]
  return words.some((word) => word.toLocaleLowerCase().startsWith(name))
}

/** The text with the name in the place of what was typed, and where the caret goes. */
export function written(
  text: string,
  caret: number,
  { start }: Begun,
  username: string,
): { text: string; caret: number } {
  const rest = text.slice(caret)
  const before = `${text.slice(0, start)}@${username}${/^\s/.test(rest) ? '' : ' '}`
  return { text: before + rest, caret: before.length + (/^\s/.test(rest) ? 1 : 0) }
}
