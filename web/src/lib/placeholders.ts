// What stands in a picture's place until it is there: about 25 bytes that came with the message.
import { thumbHashToDataURL } from 'thumbhash'

const KEPT_MAX = 500
const kept = new Map<string, string>()

/** For CSS: the blurred picture, or nothing when there is none. */
export function placeholder(thumbhash: string | undefined): string | undefined {
  if (!thumbhash) return undefined
  let image = kept.get(thumbhash)
  if (image === undefined) {
    image = painted(thumbhash)
    if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value!)
    kept.set(thumbhash, image)
  }
  return image || undefined
}

function painted(thumbhash: string): string {
  try {
    const bytes = Uint8Array.from(atob(thumbhash), (letter) => letter.charCodeAt(0))
    return `url(${thumbHashToDataURL(bytes)})`
  } catch {
    return ''
  }
}
