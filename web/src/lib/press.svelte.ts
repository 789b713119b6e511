// A press on a row of the log. From when the pointer goes down until its click has been made nothing may move under
// it: what is let go somewhere else than where it was pressed is a click on neither.
import { tick } from 'svelte'

/** The click of a finger comes a moment after it is lifted. */
const CLICK_MS = 60
/** Nobody presses for so long; whoever drags over a text may. */
const DOWN_MS_MAX = 10_000

export class Press {
  /** While it ends, what has come above is shown, and then what has come below: a list grows at one end at a time. */
  stage = $state<'down' | 'ending'>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #over: AbortController | undefined

  /** The pointer has gone down in `log`. What is not a row, such as its scroll bar, is not pressed. */
  begin({ button, target }: PointerEvent, log: EventTarget | undefined): void {
    if (button !== 0 || target === log) return
    this.#forget()
    this.stage = 'down'
    this.#timer = setTimeout(() => this.end(), DOWN_MS_MAX)
    this.#over = new AbortController()
    const how = { signal: this.#over.signal, capture: true }
    addEventListener('pointerup', () => this.#endSoon(), how)
    // The finger scrolls, or something is dragged.
    addEventListener('pointercancel', () => this.end(), how)
    // Of the window alone: within it the focus goes to what is pressed.
    addEventListener('blur', () => this.end(), { signal: how.signal })
  }

  end(): void {
    this.#forget()
    if (this.stage !== 'down') return
    this.stage = 'ending'
    void tick().then(() => {
      if (this.stage === 'ending') this.stage = undefined
    })
  }

  #endSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(), CLICK_MS)
  }

  #forget(): void {
    clearTimeout(this.#timer)
    this.#over?.abort()
  }
}
