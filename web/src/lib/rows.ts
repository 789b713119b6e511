// What the log shows: one row per entry that is something to see, and per unsent message, so that rows keep their place.
import { firstSeq } from './log'
import type { Entry, Unsent } from './types'

export interface Row {
  key: string
  entry?: Entry
  unsent?: Unsent
  at: string
  mine: boolean
  /** Deleted for oneself: nothing is to be seen, but the rows around it keep their places and so does the reader. */
  gone: boolean
  /** Set on the first row of a day: its local date as a day number. */
  newDay: boolean
  /** The first message that was unread when the chat was opened. */
  firstUnread: boolean
  /** The first message of a run by one author. */
  startsRun: boolean
}

/** Rows without those that came after the last one of `held`. */
export function withoutNewer(rows: Row[], held: readonly Row[]): Row[] {
  const last = held.at(-1)?.key
  const index = rows.findLastIndex(({ key }) => key === last)
  return index < 0 ? rows : rows.slice(0, index + 1)
}

const RUN_GAP_MS = 10 * 60_000

export interface RowsInput {
  entries: readonly Entry[]
  unsent: readonly Unsent[]
  me: string
  /** The read mark at opening; without one there is no divider. */
  unreadAfter: number | undefined
  /** Whether the entries begin where the log does. */
  fromBeginning?: boolean
}

export function buildRows({ entries, unsent, me, unreadAfter, fromBeginning }: RowsInput): Row[] {
  const known = new Set(
    entries
      // One's own post in a channel is the channel's word, and known by its reference.
      .filter(({ sender_id, chat_id, ref }) => ref && (sender_id === me || sender_id === chat_id))
      .map((entry) => entry.ref),
  )
  const rows = [
    ...entries.filter(isShown).map((entry) => entryRow(entry, me)),
    // An unsent message whose entry is here already is the same message, not a second one.
    ...unsent.filter(({ ref }) => !known.has(ref)).map(unsentRow),
  ]
  // Without the entry before it we cannot know that a message is the first unread one.
  const knowsMark = unreadAfter !== undefined && (fromBeginning || firstSeq(entries) <= unreadAfter + 1)
  let dividerPlaced = !knowsMark
  let previous: Row | undefined
  for (const row of rows) {
    if (row.gone) continue
    row.newDay = !previous || dayOf(previous.at) !== dayOf(row.at)
    if (!dividerPlaced && row.entry?.kind === 'message' && row.entry.seq > unreadAfter! && !row.mine) {
      row.firstUnread = true
      dividerPlaced = true
    }
    row.startsRun = row.newDay || row.firstUnread || !continuesRun(previous, row)
    previous = row
  }
  return rows
}

/** Of the actions on messages only a pin is announced. */
const UNSEEN_KINDS = new Set<string>([
  'edited',
  'deleted',
  'reacted',
  'unreacted',
  'unpinned',
  'topic_changed',
  'voted',
  'closed',
  'previewed',
  'renewed',
  'moved',
])

function isShown(entry: Entry): boolean {
  return !UNSEEN_KINDS.has(entry.kind)
}

/** The same key before and after the acknowledgement, so that the bubble stays the same element. */
function entryRow(entry: Entry, me: string): Row {
  const mine = entry.sender_id === me
  const key = mine && entry.ref ? `ref:${entry.ref}` : `seq:${entry.seq}`
  const gone = entry.hidden === true
  return { key, entry, at: entry.at, mine, gone, newDay: false, firstUnread: false, startsRun: true }
}

function unsentRow(unsent: Unsent): Row {
  return {
    key: `ref:${unsent.ref}`,
    unsent,
    at: unsent.at,
    mine: true,
    gone: false,
    newDay: false,
    firstUnread: false,
    startsRun: true,
  }
}

function continuesRun(previous: Row | undefined, row: Row): boolean {
  if (!previous || !isMessage(previous) || !isMessage(row)) return false
  return author(previous) === author(row) && Date.parse(row.at) - Date.parse(previous.at) < RUN_GAP_MS
}

function author(row: Row): string {
  return row.mine || !row.entry ? 'me' : row.entry.sender_id
}

function isMessage(row: Row): boolean {
  return row.unsent !== undefined || row.entry?.kind === 'message'
}

/** A local calendar day as one number. */
export function dayOf(at: string): number {
  const date = new Date(at)
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate()
}
