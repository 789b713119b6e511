// Two taps in one place, one soon after the other, by whatever points.
const WITHIN_MS = 300
/** A finger that moves farther drags. */
const STILL_PX = 8
const NEAR_PX = 40

type Touch = Pick<PointerEvent, 'clientX' | 'clientY' | 'timeStamp'>

export class Taps {
  #down: Touch | undefined
  #first: Touch | undefined

  down(event: Touch): void {
    this.#down = event
  }

  /** Another finger has come: this is no tap. */
  spoil(): void {
    this.#down = this.#first = undefined
  }

  /** Whether the finger that is lifted has tapped for the second time. */
  up(event: Touch): boolean {
    const still = this.#down && apart(this.#down, event) <= STILL_PX
    this.#down = undefined
    const first = this.#first
    this.#first = still ? event : undefined
    if (!still || !first) return false
    if (event.timeStamp - first.timeStamp >= WITHIN_MS || apart(first, event) >= NEAR_PX) return false
    this.#first = undefined
    return true
  }
}

function apart(one: Touch, other: Touch): number {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)
}
