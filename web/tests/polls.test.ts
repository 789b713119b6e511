import { expect, test } from 'vitest'
import { coordinates, mapLink, parsePlace } from '../src/lib/places'
import { isOver, percentOf, pollOf, withVote } from '../src/lib/polls'
import { withState } from '../src/lib/states'
import type { Entry, Poll } from '../src/lib/types'
import { ME, message } from './entries'

function poll(votes: number[], mine: number[] = [], fields: Partial<Poll> = {}, version = 0): Entry {
  const options = votes.map((count, place) => ({
    text: `${place}`,
    votes: count,
    ...(mine.includes(place) ? { mine: true } : {}),
  }))
  const voters = votes.reduce((sum, count) => sum + count, 0)
  return message(6, { version, card: { type: 'poll', options, voters, ...fields } })
}

const live = { me: ME, personal: false }
const answer = { me: ME, personal: true }
const mine = (entry: Entry) => pollOf(entry)!.options.flatMap((one, place) => (one.mine ? [place] : []))
const counts = (entry: Entry) => pollOf(entry)!.options.map(({ votes }) => votes)

test('what everybody is told leaves one’s own choice and the answer of a quiz as they were', () => {
  const known = poll([1, 0], [0], { quiz: true, correct: 1, explanation: 'потому' })
  const after = withState(known, poll([1, 4], [], { quiz: true }, 9), live)
  expect([counts(after), mine(after)]).toEqual([[1, 4], [0]])
  expect(pollOf(after)).toMatchObject({ correct: 1, explanation: 'потому' })
})

test('the answer to one’s vote counts even when the news has overtaken it', () => {
  const told = withState(poll([0, 0]), poll([0, 3], [], {}, 9), live)
  const after = withVote(told, poll([0, 1], [1], { quiz: true, correct: 0 }, 0))
  expect([counts(after), mine(after), pollOf(after)!.correct]).toEqual([[0, 3], [1], 0])
  expect(mine(withVote(after, poll([0, 2], [], {}, 9)))).toEqual([])
})

test('a page that was read before one voted does not take the vote back', () => {
  const after = withVote(poll([1, 0]), poll([1, 1], [1]))
  expect(mine(withState(after, poll([1, 0]), answer))).toEqual([1])
  expect(mine(withState(after, poll([1, 1], [], {}, 9), answer))).toEqual([])
})

test('a poll is over at its moment, whether or not anybody has said so', () => {
  const closes_at = '2026-11-26T10:00:00Z'
  const at = Date.parse(closes_at)
  const open = pollOf(poll([0, 0], [], { closes_at }))!
  expect([isOver(open, at - 1), isOver(open, at)]).toEqual([false, true])
  expect(isOver({ ...open, closes_at: null, closed: true }, 0)).toBe(true)
})

test('shares are of the people who voted', () => {
  const several: Poll = { type: 'poll', options: [{ text: 'a', votes: 3 }, { text: 'b' }], voters: 3 }
  expect(several.options.map(({ votes }) => percentOf(several, votes))).toEqual([100, 0])
  expect(percentOf({ ...several, voters: 0 }, 0)).toBe(0)
})

test.each([
  ['61.5', '34,25', { latitude: 61.5, longitude: 34.25 }],
  ['−90', '+180', { latitude: -90, longitude: 180 }],
  ['90.1', '0', undefined],
  ['0', '-180.01', undefined],
  ['', '0', undefined],
  ['1e1', '0', undefined],
])('%s, %s is a place, or none', (latitude, longitude, place) => {
  expect(parsePlace(latitude, longitude)).toEqual(place)
})

test('a place leads to a map and reads as numbers', () => {
  const place = { latitude: 61.5, longitude: -0.0000001 }
  expect(mapLink(place)).toBe(
    'https://www.openstreetmap.org/?mlat=61.500000&mlon=0.000000#map=15/61.500000/0.000000',
  )
  expect(coordinates(place)).toBe('61.50000, 0.00000')
})
