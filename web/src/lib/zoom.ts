// A picture under one's fingers: how large it is, and how far it has been moved from the middle, in pixels.
export interface View {
  scale: number
  x: number
  y: number
}

export interface Size {
  width: number
  height: number
}

export const FIT: View = { scale: 1, x: 0, y: 0 }
export const SCALE_MAX = 8

/** The largest that a picture can be within a frame; nothing is made larger than it is. */
export function fitted(picture: Size, frame: Size): Size {
  const scale = Math.min(1, frame.width / picture.width, frame.height / picture.height)
  return { width: picture.width * scale, height: picture.height * scale }
}

/** Larger or smaller by a factor; the point stays where it is. Points count from the frame's middle. */
export function zoomAt(view: View, factor: number, at: { x: number; y: number }): View {
  const scale = Math.min(SCALE_MAX, Math.max(1, view.scale * factor))
  const by = scale / view.scale
  return { scale, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by }
}

/** No edge of the picture comes inside the frame, and a side that fits stands in the middle. */
export function held(view: View, picture: Size, frame: Size): View {
  const far = (side: number, room: number) => Math.max(0, (side * view.scale - room) / 2)
  const [farX, farY] = [far(picture.width, frame.width), far(picture.height, frame.height)]
  return { ...view, x: clamp(view.x, farX), y: clamp(view.y, farY) }
}

function clamp(value: number, far: number): number {
  return far ? Math.min(far, Math.max(-far, value)) : 0
}
