// A sound as bars: how loud it was, over its length.

/** As many as a voice message has, each from 0 to LEVEL_MAX. */
export const BARS = 100
export const LEVEL_MAX = 31
/** What is more quiet than this is silence. */
const FLOOR_DB = -54

/** Of samples between −1 and 1: as loud as people hear it. */
export function levelOf(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const db = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12)
  return Math.round(Math.min(1, Math.max(0, 1 - db / FLOOR_DB)) * LEVEL_MAX)
}

/** As many bars as wanted, each the loudest of its part, so that a short word does not vanish. */
export function barsOf(levels: readonly number[], count = BARS): number[] {
  if (!levels.length) return Array.from({ length: count }, () => 0)
  return Array.from({ length: count }, (_, bar) => {
    const from = Math.floor((bar * levels.length) / count)
    const to = Math.max(from + 1, Math.floor(((bar + 1) * levels.length) / count))
    return Math.max(...levels.slice(from, to))
  })
}
