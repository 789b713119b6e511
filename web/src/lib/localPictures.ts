// What is seen of a file before the server has it: a small copy, so that ten photographs of a phone's size are not
// held in memory, and how large it is.
export interface Picture {
  src: string
  /** Of the whole, in pixels as people see them. */
  width: number
  height: number
  durationMs: number
}

const SIDE_MAX = 800
const SVG = 'image/svg+xml'
const FRAME_WITHIN_MS = 8000

/** Undefined when this browser can't show it. */
export async function pictureOf(file: Blob): Promise<Picture | undefined> {
  try {
    if (file.type === SVG) return await ofDrawing(file)
    if (file.type.startsWith('image/')) return await ofImage(file)
    if (file.type.startsWith('video/')) return await ofVideo(file)
  } catch {
    // It is damaged, or of a kind that only others can show: the server knows more.
  }
  return undefined
}

/** Nobody shows it any more. */
export function forgetPicture({ src }: Picture): void {
  URL.revokeObjectURL(src)
}

/** The newest of those that were sent, by the file's id at the server: it shows the older ones itself. */
export class RecentPictures {
  readonly #pictures = new Map<string, Picture>()
  readonly #max: number

  constructor(max = 40) {
    this.#max = max
  }

  get(id: string): Picture | undefined {
    return this.#pictures.get(id)
  }

  set(id: string, picture: Picture): void {
    const before = this.#pictures.get(id)
    if (before && before !== picture) forgetPicture(before)
    this.#pictures.delete(id)
    this.#pictures.set(id, picture)
    for (const [oldest, old] of this.#pictures) {
      if (this.#pictures.size <= this.#max) return
      this.#pictures.delete(oldest)
      forgetPicture(old)
    }
  }

  clear(): void {
    for (const picture of this.#pictures.values()) forgetPicture(picture)
    this.#pictures.clear()
  }
}

async function ofImage(file: Blob): Promise<Picture> {
  const whole = await createImageBitmap(file)
  const { width, height } = whole
  const src = await small(whole, width, height)
  whole.close()
  return { src, width, height, durationMs: 0 }
}

/** In a picture a drawing runs nothing and loads nothing; and what is shown of it are pixels. */
async function ofDrawing(file: Blob): Promise<Picture> {
  const image = new Image()
  image.src = URL.createObjectURL(file)
  try {
    await image.decode()
    const { naturalWidth: width, naturalHeight: height } = image
    return { src: await small(image, width, height), width, height, durationMs: 0 }
  } finally {
    URL.revokeObjectURL(image.src)
  }
}

async function ofVideo(file: Blob): Promise<Picture> {
  const video = document.createElement('video')
  const address = URL.createObjectURL(file)
  try {
    video.muted = true
    video.playsInline = true
    video.preload = 'auto'
    video.src = address
    await happens(video, 'loadeddata')
    const { videoWidth: width, videoHeight: height } = video
    const durationMs = Number.isFinite(video.duration) ? Math.round(video.duration * 1000) : 0
    return { src: await small(video, width, height), width, height, durationMs }
  } finally {
    video.removeAttribute('src')
    video.load()
    URL.revokeObjectURL(address)
  }
}

async function small(image: CanvasImageSource, width: number, height: number): Promise<string> {
  const scale = Math.min(1, SIDE_MAX / Math.max(width, height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(width * scale))
  canvas.height = Math.max(1, Math.round(height * scale))
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/webp', 0.85))
  if (!blob) throw new Error('no picture')
  return URL.createObjectURL(blob)
}

function happens(target: HTMLVideoElement, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, () => resolve(), { once: true })
    target.addEventListener('error', () => reject(new Error('unreadable')), { once: true })
    setTimeout(() => reject(new Error('late')), FRAME_WITHIN_MS)
  })
}
