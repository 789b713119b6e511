// The pure rules of a chat's log: a contiguous window of entries, in order, each exactly once.
import type { Entry } from './types'

export const WINDOW_MAX = 2000
/** A longer gap is not filled at once: it is read page by page, as the reader comes down to it. */
export const GAP_MAX = 1000

/** The newest seq up to which nothing is missing; 0 for an empty window. */
export function lastSeq(window: readonly Entry[]): number {
  return window.at(-1)?.seq ?? 0
}

/** The oldest seq in the window; 0 for an empty one. */
export function firstSeq(window: readonly Entry[]): number {
  return window[0]?.seq ?? 0
}

/**
 * Add entries that continue the window. Known ones are ignored and nothing after a hole is taken:
 * the caller sees from lastSeq that it must ask for the gap. An empty window starts after `have`.
 */
export function append(
  window: readonly Entry[],
  arrived: readonly Entry[],
  have = lastSeq(window),
): readonly Entry[] {
  const added: Entry[] = []
  for (const entry of [...arrived].sort(bySeq)) {
    if (entry.seq === have + 1) {
      added.push(entry)
      have = entry.seq
    }
  }
  return added.length ? [...window, ...added] : window
}

/** Add older entries that end right before the window. */
export function prepend(window: readonly Entry[], older: readonly Entry[]): readonly Entry[] {
  let next = firstSeq(window)
  const added: Entry[] = []
  for (const entry of [...older].sort(bySeq).reverse()) {
    if (entry.seq === next - 1) {
      added.push(entry)
      next = entry.seq
    }
  }
  return added.length ? [...added.reverse(), ...window] : window
}

/** Where an entry stands in the window, which may leave out entries of other topics; -1 when it does not hold it. */
export function indexOf(window: readonly Entry[], seq: number): number {
  const dense = seq - firstSeq(window)
  if (window[dense]?.seq === seq) return dense
  let [low, high] = [0, window.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = window[middle]!.seq
    if (found === seq) return middle
    if (found < seq) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** Of a topic: what is newer than the window. The caller knows that nothing of the topic lies between. */
export function appendSparse(window: readonly Entry[], arrived: readonly Entry[]): readonly Entry[] {
  const have = lastSeq(window)
  const added = arrived.filter(({ seq }) => seq > have).sort(bySeq)
  return added.length ? [...window, ...added] : window
}

/** Of a topic: what is older than the window, right before it. */
export function prependSparse(window: readonly Entry[], older: readonly Entry[]): readonly Entry[] {
  const first = firstSeq(window) || Infinity
  const added = older.filter(({ seq }) => seq < first).sort(bySeq)
  return added.length ? [...added, ...window] : window
}

/**
 * Forget entries beyond `max` at the end that is farther from the reader, who is at `seq`: they can be fetched again.
 * What lies within half of `max` around the reader stays, so that of a window that is much too long more is left.
 */
export function dropFarther(window: readonly Entry[], seq: number, max = WINDOW_MAX): readonly Entry[] {
  const excess = window.length - max
  if (excess <= 0) return window
  const above = window.findLastIndex((entry) => entry.seq <= seq) + 1
  const below = window.length - above
  const near = Math.floor(max / 2)
  if (above > below) return window.slice(Math.min(excess, above - near))
  return window.slice(0, -Math.min(excess, below - near))
}

/** Whether it is a message that one has to read: of somebody else, or one's own reminder. */
export function isForReading(entry: Entry, me: string): boolean {
  return entry.kind === 'message' && (entry.sender_id !== me || entry.reminder !== undefined)
}

/** How many messages to be read lie after the read mark, as far as the window knows; up to another place if one is given. */
export function countUnread(window: readonly Entry[], readSeq: number, me: string, to = Infinity): number {
  return window.filter((entry) => entry.seq > readSeq && entry.seq <= to && isForReading(entry, me)).length
}

function bySeq(a: Entry, b: Entry): number {
  return a.seq - b.seq
}
