import { expect, test } from 'vitest'
import { moved, squareOf, whole, zoomMax, zoomedTo, type Crop, type Sides } from '../src/lib/cropping'

const WIDE: Sides = { width: 4000, height: 1000 }

test('at first the square is as large as can be, in the middle', () => {
  expect(squareOf(whole(WIDE), WIDE)).toEqual({ left: 1500, top: 0, side: 1000 })
})

test('the square never leaves the picture, however far it is dragged', () => {
  const far = moved(zoomedTo(whole(WIDE), WIDE, 2), WIDE, 100, -100)

  expect(squareOf(far, WIDE)).toEqual({ left: 3500, top: 0, side: 500 })
  expect(squareOf(zoomedTo(far, WIDE, 1), WIDE)).toEqual({ left: 3000, top: 0, side: 1000 })
})

test('zooming leaves what is under the pointer where it is', () => {
  const at = { x: 0.3, y: -0.2 }
  const under = (crop: Crop): number[] => {
    const { left, top, side } = squareOf(crop, WIDE)
    return [left + (0.5 + at.x) * side, top + (0.5 + at.y) * side]
  }
  const before = whole(WIDE)

  const after = zoomedTo(before, WIDE, 3, at)

  expect(under(after).map(Math.round)).toEqual(under(before).map(Math.round))
})

test('nobody zooms into a blur, nor beyond the whole', () => {
  const small: Sides = { width: 100, height: 90 }

  expect([zoomMax(WIDE), zoomMax(small)]).toEqual([6.25, 1])
  expect(zoomedTo(whole(WIDE), WIDE, 50).zoom).toBe(6.25)
  expect(zoomedTo(whole(small), small, 3)).toEqual(whole(small))
  expect(zoomedTo(whole(WIDE), WIDE, 0.1).zoom).toBe(1)
})
