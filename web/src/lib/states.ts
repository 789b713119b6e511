// What a message is now: of all that we hear of it, in whatever order, the state with the highest version counts
// (docs/realtime.md). What goes to everybody doesn't say which reactions are one's own: that is kept here.
import { indexOf } from './log'
import { hasVoted, pollOf, withOwn } from './polls'
import type { Entry, Reaction } from './types'

export interface Heard {
  me: string
  /** Of an answer to oneself, in which `mine` and `hidden` are right. */
  personal: boolean
}

/** The window after these entries were heard; entries that are themselves new to it are not added. */
export function withActions(window: readonly Entry[], heard: readonly Entry[], how: Heard): readonly Entry[] {
  let next: Entry[] | undefined
  const put = (entry: Entry): void => {
    next ??= [...window]
    next[indexOf(window, entry.seq)] = entry
  }
  for (const action of heard) {
    if (!action.target || !action.message) continue
    const known = (next ?? window)[indexOf(window, action.target)]
    const state = known && withAction(known, action, how)
    if (state && state !== known) put(state)
    if (action.kind !== 'deleted') continue
    // A quote goes with the message that it is from.
    for (const entry of next ?? window)
      if (entry.quote && entry.reply_to === action.target) put({ ...entry, quote: '' })
  }
  return next ?? window
}

/** The window after these of its entries were read anew. */
export function withStates(window: readonly Entry[], states: readonly Entry[], how: Heard): readonly Entry[] {
  const fresh = new Map(states.map((state) => [state.seq, state]))
  return window.map((known) => {
    const state = fresh.get(known.seq)
    return state ? withState(known, state, how) : known
  })
}

/** The message after one action on it. */
export function withAction(known: Entry, action: Entry, how: Heard): Entry {
  const state = action.message as Entry | null | undefined
  return state ? withState(known, state, how, action) : known
}

export function withState(known: Entry, state: Entry, how: Heard, action?: Entry): Entry {
  if (known.seq !== state.seq || versionOf(state) < versionOf(known)) return known
  if (known.hidden || state.hidden) return known.hidden ? known : state
  if (how.personal) return isOlderVote(known, state) ? withOwn(known, state) : state
  const own = known.mine ? { mine: true } : {}
  return withOwn(known, { ...state, ...own, reactions: marked(known, state, how.me, action) })
}

/** Votes make no version of their own: a page that was on its way while one voted knows nothing of it. */
function isOlderVote(known: Entry, state: Entry): boolean {
  const poll = pollOf(known)
  return poll !== undefined && hasVoted(poll) && versionOf(known) === versionOf(state)
}

function marked(known: Entry, state: Entry, me: string, action?: Entry): Reaction[] {
  const mine = new Set(known.reactions?.flatMap((one) => (one.mine ? [one.emoji] : [])))
  if (action?.sender_id === me && action.kind === 'reacted') mine.add(action.emoji!)
  if (action?.sender_id === me && action.kind === 'unreacted') mine.delete(action.emoji!)
  return (state.reactions ?? []).map((one) => ({ ...one, mine: mine.has(one.emoji) }))
}

function versionOf(entry: Entry): number {
  return entry.version ?? 0
}

/** At once, before the server has said anything: the next state that is heard replaces it. */
export function withReaction(entry: Entry, emoji: string, mine: boolean): Entry {
  const reactions = entry.reactions ?? []
  const known = reactions.find((one) => one.emoji === emoji)
  if ((known?.mine ?? false) === mine) return entry
  const count = (known?.count ?? 0) + (mine ? 1 : -1)
  const changed = { emoji, count, mine }
  const next = known ? reactions.map((one) => (one === known ? changed : one)) : [...reactions, changed]
  return { ...entry, reactions: next.filter((one) => one.count > 0) }
}

/** What is left of a message that one has deleted for oneself. */
export function withoutContent(entry: Entry): Entry {
  const { chat_id, seq, kind, sender_id, at, ref, version, topic_id } = entry
  return {
    chat_id,
    seq,
    kind,
    sender_id,
    at,
    hidden: true,
    ...(ref === undefined ? {} : { ref }),
    ...(version === undefined ? {} : { version }),
    ...(topic_id === undefined ? {} : { topic_id }),
  }
}

/**
 * What lies between the two is now this page. What is no more of it keeps its place, with nothing to be seen there, so
 * that the reader keeps theirs; the rest of the window stays.
 */
export function renewed(
  window: readonly Entry[],
  page: readonly Entry[],
  from: number,
  to = Infinity,
): readonly Entry[] {
  const inside = page.filter(({ seq }) => seq >= from && seq <= to)
  const there = new Set(inside.map(({ seq }) => seq))
  const others = window.filter(({ seq }) => !there.has(seq))
  const kept = others.map((entry) => (entry.seq < from || entry.seq > to ? entry : withoutContent(entry)))
  return [...kept, ...inside].sort((a, b) => a.seq - b.seq)
}

/** Whether this shows a message that can be read. */
export function isReadable(entry: Entry | undefined): entry is Entry {
  return entry?.kind === 'message' && !entry.deleted && !entry.hidden
}
