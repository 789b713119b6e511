import { afterEach, expect, test, vi } from 'vitest'
import { RecentPictures, type Picture } from '../src/lib/localPictures'

afterEach(() => vi.restoreAllMocks())

function picture(src: string): Picture {
  return { src, width: 4, height: 3, durationMs: 0 }
}

test('of the pictures that were sent only the newest stay in memory', () => {
  const freed: string[] = []
  vi.spyOn(URL, 'revokeObjectURL').mockImplementation((src) => void freed.push(src))
  const recent = new RecentPictures(2)

  for (const id of ['a', 'b', 'a', 'c']) recent.set(id, picture(id))
  expect(freed).toEqual(['a', 'b'])
  expect([recent.get('a')?.src, recent.get('b'), recent.get('c')?.src]).toEqual(['a', undefined, 'c'])

  recent.clear()
  expect(freed).toEqual(['a', 'b', 'a', 'c'])
  expect(recent.get('c')).toBeUndefined()
})
