import { describe, expect, test } from 'vitest'
import { mosaic, type Place } from '../src/lib/mosaic'

const ALBUMS: [string, number[]][] = [
  ['two wide', [1.78, 1.5]],
  ['two tall', [0.6, 0.75]],
  ['a tall one first', [0.7, 1.5, 1.4]],
  ['a tall one first of four', [0.66, 1.5, 1.4, 1]],
  ['three wide', [1.78, 1.78, 1.78]],
  ['five', [1, 1.5, 0.7, 1.3, 1]],
  ['ten alike', Array<number>(10).fill(1.33)],
  ['ten of all kinds', [9, 0.1, 1, 1.5, 0.7, 2, 0.5, 1, 1, 1.2]],
]

describe.each(ALBUMS)('%s', (_name, ratios) => {
  const { ratio, places } = mosaic(ratios)

  test('each picture has a place, in order, and they fill the album without a gap', () => {
    expect(places).toHaveLength(ratios.length)
    const area = places.reduce((sum, { width, height }) => sum + width * height, 0)
    expect(area).toBeCloseTo(1, 6)
    for (const place of places) {
      expect(place.left + place.width).toBeLessThanOrEqual(1.000001)
      expect(place.top + place.height).toBeLessThanOrEqual(1.000001)
    }
    for (const [index, place] of places.entries())
      for (const other of places.slice(index + 1)) expect(overlap(place, other)).toBeLessThan(1e-6)
  })

  test('it is no strip and no tower, and nothing in it is too small to be pressed', () => {
    expect(ratio).toBeGreaterThan(0.6)
    expect(ratio).toBeLessThan(2.6)
    for (const { width, height } of places) {
      // Of an album that is 360 pixels wide.
      expect(width * 360).toBeGreaterThan(40)
      expect((height / ratio) * 360).toBeGreaterThan(40)
    }
  })
})

test('ordinary pictures are hardly cut', () => {
  const ratios = [1.5, 1.33, 1, 0.75, 1.78]
  const { ratio, places } = mosaic(ratios)
  for (const [index, { width, height }] of places.entries()) {
    const shown = (width / height) * ratio
    expect(shown / ratios[index]!).toBeGreaterThan(0.75)
    expect(shown / ratios[index]!).toBeLessThan(1.34)
  }
})

function overlap(one: Place, other: Place): number {
  const along = (a: number, size: number, b: number, otherSize: number) =>
    Math.max(0, Math.min(a + size, b + otherSize) - Math.max(a, b))
  return (
    along(one.left, one.width, other.left, other.width) * along(one.top, one.height, other.top, other.height)
  )
}
