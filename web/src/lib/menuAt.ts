// What opens a menu at a point: a right click, a long press of a finger, the menu key.
import { on } from 'svelte/events'

import { LONG_PRESS_MS } from './longPress'

/** A finger that goes further does something else. */
export const MOVED_PX = 10

/** Told where, in the window. Browsers of which a long press makes no context menu are waited for by ourselves. */
export function menuAt(open: (x: number, y: number) => void): (node: HTMLElement) => () => void {
  return (node) => {
    let pressed: { timer: ReturnType<typeof setTimeout>; x: number; y: number } | undefined
    let openedAt = -Infinity
    /** The finger that opened the menu is let go over the row: that does not open the row as well. */
    let finger: 'none' | 'down' | 'done' = 'none'

    function released(): void {
      clearTimeout(pressed?.timer)
      pressed = undefined
    }

    function opened(x: number, y: number): void {
      released()
      // Both ways may notice the same press.
      if (performance.now() - openedAt < LONG_PRESS_MS) return
      openedAt = performance.now()
      if (finger === 'down') finger = 'done'
      open(x, y)
    }

    const offs = [
      on(node, 'contextmenu', (event) => {
        event.preventDefault()
        const byKey = event.button !== 2 && event.clientX === 0 && event.clientY === 0
        if (byKey) below()
        else opened(event.clientX, event.clientY)
      }),
      on(
        node,
        'touchstart',
        ({ touches }) => {
          released()
          finger = 'down'
          const [touch] = touches
          if (!touch || touches.length > 1) return
          const { clientX: x, clientY: y } = touch
          pressed = { x, y, timer: setTimeout(() => opened(x, y), LONG_PRESS_MS) }
        },
        { passive: true },
      ),
      on(
        node,
        'touchmove',
        ({ touches: [touch] }) => {
          if (pressed && touch && Math.hypot(touch.clientX - pressed.x, touch.clientY - pressed.y) > MOVED_PX)
            released()
        },
        { passive: true },
      ),
      on(node, 'touchend', (event) => {
        released()
        if (finger === 'done') event.preventDefault()
        finger = 'none'
      }),
      on(node, 'touchcancel', () => {
        released()
        finger = 'none'
      }),
      on(node, 'keydown', (event) => {
        if (event.key !== 'ContextMenu' && !(event.key === 'F10' && event.shiftKey)) return
        event.preventDefault()
        below()
      }),
    ]

    function below(): void {
      const { left, bottom } = node.getBoundingClientRect()
      opened(left + 12, bottom - 12)
    }

    return () => {
      released()
      for (const off of offs) off()
    }
  }
}
