// A long press by finger, of which not every browser makes a context menu; what the press would else have done is left.
import type { Attachment } from 'svelte/attachments'

export const LONG_PRESS_MS = 480
const MOVED_PX = 10

export function longPress(deed: () => void): Attachment<HTMLElement> {
  return (element) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let from = { x: 0, y: 0 }
    let done = false

    const stop = (): void => clearTimeout(timer)
    const began = ({ touches }: TouchEvent): void => {
      stop()
      done = false
      const [touch] = touches
      if (!touch || touches.length > 1) return
      from = { x: touch.clientX, y: touch.clientY }
      timer = setTimeout(() => {
        done = true
        deed()
      }, LONG_PRESS_MS)
    }
    const moved = ({ touches }: TouchEvent): void => {
      const [touch] = touches
      if (touch && Math.hypot(touch.clientX - from.x, touch.clientY - from.y) > MOVED_PX) stop()
    }
    const ended = (event: TouchEvent): void => {
      stop()
      // Or the browser makes a click of it.
      if (done && event.cancelable) event.preventDefault()
      done = false
    }

    element.addEventListener('touchstart', began, { passive: true })
    element.addEventListener('touchmove', moved, { passive: true })
    element.addEventListener('touchend', ended)
    element.addEventListener('touchcancel', stop)
    return () => {
      stop()
      element.removeEventListener('touchstart', began)
      element.removeEventListener('touchmove', moved)
      element.removeEventListener('touchend', ended)
      element.removeEventListener('touchcancel', stop)
    }
  }
}
