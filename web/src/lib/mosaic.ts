// Where the pictures of an album stand: rows of one height each, filled edge to edge, as Telegram lays them out.

/** In shares of the album's width and height. */
export interface Place {
  left: number
  top: number
  width: number
  height: number
}

export interface Mosaic {
  /** Width by height. */
  ratio: number
  places: Place[]
}

export interface AlbumShape extends Mosaic {
  /** In CSS pixels, where there is room. */
  width: number
}

const ALBUM_PX = 400
const SINGLE_PX = { width: 360, height: 400, least: 160 }
const SINGLE_RATIO = { min: 0.56, max: 2.6 }
const PER_ROW_MAX = 4
const RATIO_MIN = 0.6
const RATIO_MAX = 2.4
/** How tall an album is best: of its width. */
const TALL_BEST = 1
const TALL_MAX = 1.5
/** A picture that stands beside a column of others takes as much of the width at the most. */
const BESIDE_MAX = 0.66

/** One picture in its own shape, as long as that can be looked at; several as a mosaic. */
export function albumOf(pictures: readonly { width: number; height: number }[]): AlbumShape {
  const ratios = pictures.map(({ width, height }) => width / height)
  if (pictures.length > 1) return { ...mosaic(ratios), width: ALBUM_PX }
  const ratio = Math.min(SINGLE_RATIO.max, Math.max(SINGLE_RATIO.min, ratios[0] ?? 1))
  const widest = Math.min(SINGLE_PX.width, SINGLE_PX.height * ratio)
  const width = Math.max(SINGLE_PX.least, Math.min(widest, pictures[0]?.width ?? 0))
  return { ratio, width: Math.round(width), places: [{ left: 0, top: 0, width: 1, height: 1 }] }
}

/** Of ratios of width to height. */
export function mosaic(ratios: readonly number[]): Mosaic {
  const bounded = ratios.map((ratio) => Math.min(RATIO_MAX, Math.max(RATIO_MIN, ratio)))
  const [first = 1, ...others] = bounded
  if (others.length === 2 || others.length === 3) if (first < 0.85) return beside(first, others)
  return inRows(bounded)
}

/** A tall picture first, the others in a column beside it. */
function beside(first: number, others: readonly number[]): Mosaic {
  // Of width 1 each, the others are as tall as this together.
  const column = others.reduce((sum, ratio) => sum + 1 / ratio, 0)
  const width = Math.min(BESIDE_MAX, (first * column) / (1 + first * column))
  const height = Math.min(TALL_MAX, Math.max(width / first, 0.6))
  let top = 0
  const places = [{ left: 0, top: 0, width, height: 1 }]
  for (const ratio of others) {
    const share = 1 / ratio / column
    places.push({ left: width, top, width: 1 - width, height: share })
    top += share
  }
  return { ratio: 1 / height, places }
}

function inRows(ratios: readonly number[]): Mosaic {
  const rows = bestRows(ratios)
  const heights = rows.map((row) => 1 / row.reduce((sum, ratio) => sum + ratio, 0))
  const tall = heights.reduce((sum, height) => sum + height, 0)
  let top = 0
  const places = rows.flatMap((row, index) => {
    const height = heights[index]! / tall
    let left = 0
    const placed = row.map((ratio) => {
      const width = ratio * heights[index]!
      const place = { left, top, width, height }
      left += width
      return place
    })
    top += height
    return placed
  })
  return { ratio: 1 / Math.min(tall, TALL_MAX), places }
}

function bestRows(ratios: readonly number[]): number[][] {
  let best: number[][] = [[...ratios]]
  let least = Infinity
  for (const rows of partitions(ratios)) {
    const fault = faultOf(rows)
    if (fault < least) {
      least = fault
      best = rows
    }
  }
  return best
}

/** Far from the best height, rows of unlike heights, and a short row below a full one are faults. */
function faultOf(rows: readonly number[][]): number {
  const heights = rows.map((row) => 1 / row.reduce((sum, ratio) => sum + ratio, 0))
  const tall = heights.reduce((sum, height) => sum + height, 0)
  const unlike = Math.max(...heights) / Math.min(...heights)
  const over = tall > TALL_MAX ? tall - TALL_MAX : 0
  return Math.abs(tall - TALL_BEST) + 0.25 * (unlike - 1) + 4 * over
}

/** All ways to break up to ten pictures into rows of up to four; there are a few hundred. */
function* partitions(ratios: readonly number[]): Generator<number[][]> {
  if (!ratios.length) yield []
  for (let many = 1; many <= Math.min(PER_ROW_MAX, ratios.length); many += 1)
    for (const rest of partitions(ratios.slice(many))) yield [ratios.slice(0, many), ...rest]
}
