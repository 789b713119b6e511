const FIRST_MS = 200
const MAX_MS = 30_000

/** Rule 4 of the protocol: doubled up to 30 s, times a random number between 0.5 and 1. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return Math.min(MAX_MS, FIRST_MS * 2 ** attempt) * (0.5 + random() / 2)
}
