// A long press of a finger, and all that opens a menu at a point: that, a right click, the menu key.
import type { Attachment } from 'svelte/attachments'
import { on } from 'svelte/events'

export const LONG_PRESS_MS = 480
/** A finger that goes further does something else. */
export const MOVED_PX = 10

type At = (x: number, y: number) => void

/** Of a press that was long the browser makes no click. */
export function longPress(deed: At): Attachment<HTMLElement> {
  return (node) => pressed(node, deed).off
}

/** Told where, in the window. Browsers of which a long press makes no context menu are waited for by ourselves. */
export function menuAt(open: At): Attachment<HTMLElement> {
  return (node) => {
    let openedAt = -Infinity
    const press = pressed(node, opened)

    function opened(x: number, y: number): void {
      press.claim()
      // Both ways may notice the same press.
      if (performance.now() - openedAt < LONG_PRESS_MS) return
      openedAt = performance.now()
      open(x, y)
    }

    function below(): void {
      const { left, bottom } = node.getBoundingClientRect()
      opened(left + 12, bottom - 12)
    }

    const offs = [
      press.off,
      on(node, 'contextmenu', (event) => {
        event.preventDefault()
        const byKey = event.button !== 2 && event.clientX === 0 && event.clientY === 0
        if (byKey) below()
        else opened(event.clientX, event.clientY)
      }),
      on(node, 'keydown', (event) => {
        if (event.key !== 'ContextMenu' && !(event.key === 'F10' && event.shiftKey)) return
        event.preventDefault()
        below()
      }),
    ]
    return () => offs.forEach((off) => off())
  }
}

/** `claim`: something was done by this press, so letting go of the finger does nothing. */
function pressed(node: HTMLElement, deed: At): { claim: () => void; off: () => void } {
  let begun: { timer: ReturnType<typeof setTimeout>; x: number; y: number } | undefined
  let finger: 'none' | 'down' | 'done' = 'none'

  function released(): void {
    clearTimeout(begun?.timer)
    begun = undefined
  }

  function claim(): void {
    released()
    if (finger === 'down') finger = 'done'
  }

  const offs = [
    on(
      node,
      'touchstart',
      ({ touches }) => {
        released()
        finger = 'down'
        const [touch] = touches
        if (!touch || touches.length > 1) return
        const { clientX: x, clientY: y } = touch
        const timer = setTimeout(() => {
          claim()
          deed(x, y)
        }, LONG_PRESS_MS)
        begun = { x, y, timer }
      },
      { passive: true },
    ),
    on(
      node,
      'touchmove',
      ({ touches: [touch] }) => {
        if (begun && touch && Math.hypot(touch.clientX - begun.x, touch.clientY - begun.y) > MOVED_PX)
          released()
      },
      { passive: true },
    ),
    on(node, 'touchend', (event) => {
      released()
      if (finger === 'done' && event.cancelable) event.preventDefault()
      finger = 'none'
    }),
    on(node, 'touchcancel', () => {
      released()
      finger = 'none'
    }),
  ]
  return { claim, off: () => [released, ...offs].forEach((off) => off()) }
}
