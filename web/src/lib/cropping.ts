// Which square of a picture is cut out, and cutting it out: what is uploaded is what was seen.
export interface Sides {
  width: number
  height: number
}

/** `x` and `y` are the middle of the square, in pixels of the picture; at a zoom of 1 it is as large as can be. */
export interface Crop {
  zoom: number
  x: number
  y: number
}

export interface Square {
  left: number
  top: number
  side: number
}

export const SIDE_MAX = 1024
/** Less would be a blur on every screen. */
const SIDE_MIN = 160
const ZOOM_MAX = 8
const QUALITY = 0.9

export function zoomMax({ width, height }: Sides): number {
  return Math.min(ZOOM_MAX, Math.max(1, Math.min(width, height) / SIDE_MIN))
}

export function whole({ width, height }: Sides): Crop {
  return { zoom: 1, x: width / 2, y: height / 2 }
}

export function squareOf({ zoom, x, y }: Crop, { width, height }: Sides): Square {
  const side = Math.min(width, height) / zoom
  return { left: x - side / 2, top: y - side / 2, side }
}

/** The square by shares of its own side: of 0.1 to the right shows what was there. */
export function moved(crop: Crop, sides: Sides, right: number, down: number): Crop {
  const { side } = squareOf(crop, sides)
  return held({ ...crop, x: crop.x + right * side, y: crop.y + down * side }, sides)
}

/** What lies at this place of the frame, in shares of it from its middle, stays there. */
export function zoomedTo(crop: Crop, sides: Sides, zoom: number, at = { x: 0, y: 0 }): Crop {
  const wanted = Math.min(zoomMax(sides), Math.max(1, zoom))
  const grows = squareOf(crop, sides).side - squareOf({ ...crop, zoom: wanted }, sides).side
  return held({ zoom: wanted, x: crop.x + at.x * grows, y: crop.y + at.y * grows }, sides)
}

function held({ zoom, x, y }: Crop, { width, height }: Sides): Crop {
  const half = Math.min(width, height) / zoom / 2
  const within = (value: number, side: number): number => Math.min(side - half, Math.max(half, value))
  return { zoom, x: within(x, width), y: within(y, height) }
}

/** Raises where this browser can't make pictures. */
export async function cutOut(image: HTMLImageElement, crop: Crop): Promise<Blob> {
  const { left, top, side } = squareOf(crop, sidesOf(image))
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = Math.max(1, Math.min(SIDE_MAX, Math.round(side)))
  const context = canvas.getContext('2d')!
  // Through the holes of a drawing one would see the letters behind it.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height)
  const webp = await encoded(canvas, 'image/webp')
  // Whoever can't make one answers with another kind, and a large one.
  const blob = webp?.type === 'image/webp' ? webp : await encoded(canvas, 'image/jpeg')
  if (!blob) throw new Error('no picture was made')
  return blob
}

/** As people see them: browsers turn what its file says is to be turned. */
export function sidesOf({ naturalWidth, naturalHeight }: HTMLImageElement): Sides {
  return { width: naturalWidth, height: naturalHeight }
}

function encoded(canvas: HTMLCanvasElement, type: string): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY))
}
