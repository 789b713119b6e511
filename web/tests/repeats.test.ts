import { expect, test } from 'vitest'
import { repeatsOf } from '../src/lib/repeats'

test('only names that repeat are numbered, in their order', () => {
  const named = repeatsOf(['film', 'sound', 'film']).map(({ name, nth }) => name + nth)
  expect(named).toEqual(['film1', 'sound0', 'film2'])
})
