// The pure rules of polls on the screen. What goes to everybody doesn't say what one has chosen oneself, nor the answer
// of a quiz before its end: that is kept here, as with reactions.
import type { Entry, Poll } from './types'

export function pollOf(entry: Entry | undefined): Poll | undefined {
  return entry?.card?.type === 'poll' ? entry.card : undefined
}

export function hasVoted(poll: Poll): boolean {
  return poll.options.some(({ mine }) => mine)
}

/** The moment may have come before the server has said so. */
export function isOver(poll: Poll, now: number): boolean {
  return poll.closed === true || (poll.closes_at != null && Date.parse(poll.closes_at) <= now)
}

/** Of the people who voted, in whole percents; equal shares look equal. */
export function percentOf(poll: Poll, votes: number | undefined): number {
  return poll.voters ? Math.round((100 * (votes ?? 0)) / poll.voters) : 0
}

/** What everybody is told of a poll, with what one knows oneself. */
export function withOwn(known: Entry, state: Entry): Entry {
  const before = pollOf(known)
  const now = pollOf(state)
  if (!before || !now) return state
  const options = chosenAs(before, now)
  return { ...state, card: { ...now, options, ...answerOf(now.closed ? now : before) } }
}

/** The answer to one's own vote: one's choice is right in it, even if the counts here are newer. */
export function withVote(known: Entry, answer: Entry): Entry {
  if ((answer.version ?? 0) >= (known.version ?? 0)) return answer
  const before = pollOf(known)
  const now = pollOf(answer)
  if (!before || !now) return known
  const options = chosenAs(now, before)
  return { ...known, card: { ...before, options, ...answerOf(now) } }
}

/** The options of one state of a poll, with the choice of another. */
function chosenAs(choice: Poll, counts: Poll): Poll['options'] {
  return counts.options.map(({ text, votes }, place) => ({
    text,
    ...(votes === undefined ? {} : { votes }),
    ...(choice.options[place]?.mine ? { mine: true } : {}),
  }))
}

function answerOf({ correct, explanation }: Poll): Partial<Poll> {
  return { ...(correct == null ? {} : { correct }), ...(explanation ? { explanation } : {}) }
}
