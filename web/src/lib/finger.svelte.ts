// A finger on a message: it pulls it to the left for a reply, or rests on it for its menu.
import { LONG_PRESS_MS, MOVED_PX } from './longPress'

/** How far a finger pulls a message for a reply, and how far the message follows it. */
const REPLY_PX = 56
const PULL_PX_MAX = 72

interface Deeds {
  /** What a pull does now, if anything. */
  pull: () => (() => void) | undefined
  /** What a long press does now, if anything. */
  press: () => ((x: number, y: number) => void) | undefined
}

export class Finger {
  /** How far the message is from its place, in pixels. */
  pulled = $state(0)
  readonly #deeds: Deeds
  #origin: { x: number; y: number } | undefined
  #pressed: { timer: ReturnType<typeof setTimeout>; x: number; y: number } | undefined

  constructor(deeds: Deeds) {
    this.#deeds = deeds
  }

  /** Far enough for a reply. */
  get far(): boolean {
    return this.pulled >= REPLY_PX
  }

  /** Touch screens of which the browser makes no context menu out of a long press. */
  touch(event: TouchEvent): void {
    this.cancel()
    const [touch] = event.touches
    const press = this.#deeds.press()
    // A finger on a slider moves that alone.
    const onSlider = (event.target as HTMLElement).closest('input')
    if (!press || !touch || onSlider || event.touches.length > 1) return
    const { clientX: x, clientY: y } = touch
    if (this.#deeds.pull()) this.#origin = { x, y }
    this.#pressed = { x, y, timer: setTimeout(() => press(x, y), LONG_PRESS_MS) }
  }

  move(event: TouchEvent): void {
    const [touch] = event.touches
    if (!touch) return
    const { x, y } = this.#pressed ?? { x: touch.clientX, y: touch.clientY }
    if (Math.hypot(touch.clientX - x, touch.clientY - y) > MOVED_PX) this.#stopPress()
    this.#pull(touch)
  }

  /** A finger that goes sideways pulls; one that goes up or down first scrolls, whatever it does after. */
  #pull({ clientX, clientY }: Touch): void {
    if (!this.#origin) return
    const left = this.#origin.x - clientX
    if (!this.pulled && Math.abs(clientY - this.#origin.y) > MOVED_PX) this.#origin = undefined
    else this.pulled = left > MOVED_PX ? Math.min(left, PULL_PX_MAX) : 0
  }

  release(): void {
    const deed = this.far ? this.#deeds.pull() : undefined
    this.cancel()
    deed?.()
  }

  cancel(): void {
    this.#stopPress()
    this.#origin = undefined
    this.pulled = 0
  }

  #stopPress(): void {
    clearTimeout(this.#pressed?.timer)
    this.#pressed = undefined
  }
}
