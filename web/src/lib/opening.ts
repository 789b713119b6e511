// A picture that was chosen, ready to be cut out: as this browser draws it, or as the server draws what only it can (HEIC).
import { api, ok } from './api'
import { newRef } from './outbox'
import { Problem, problemOf } from './problems'
import { session } from './session.svelte'
import { forget, send } from './tus'

/** What the server takes of a picture (docs/media-images.md). */
const BYTES_MAX = 50 << 20
/** Of what has no name of its own here, which phones call nothing at all. */
const TYPE = 'image/heic'

/**
 * An image with an address that is to be revoked when it is of no use any more. What has gone to the server is told in
 * percent. Raises a Problem, and stops when it is aborted.
 */
export async function open(
  file: File,
  signal: AbortSignal,
  sent: (percent: number) => void,
): Promise<HTMLImageElement> {
  const image = await drawn(file)
  if (image) return image
  if (file.type && !file.type.startsWith('image/')) throw new Problem('not_an_image')
  if (file.size > BYTES_MAX) throw new Problem('image_file_too_large')
  signal.throwIfAborted()
  sent(0)
  const id = await passed(file, signal, sent)
  try {
    const rendered = await drawn(await renderedBy(id, signal))
    if (!rendered) throw new Problem('image_damaged')
    return rendered
  } finally {
    // Nothing refers to it, so it goes by itself as well, later.
    void ok(api.DELETE('/v1/media/files/{media_id}', { params: { path: { media_id: id } } })).catch(() => {})
  }
}

/** Undefined when this browser can't. */
async function drawn(content: Blob): Promise<HTMLImageElement | undefined> {
  const image = new Image()
  image.src = URL.createObjectURL(content)
  try {
    await image.decode()
    if (image.naturalWidth) return image
  } catch {
    // It is damaged, or of a kind that only others draw.
  }
  URL.revokeObjectURL(image.src)
  return undefined
}

function passed(file: File, signal: AbortSignal, sent: (percent: number) => void): Promise<string> {
  let url: string | undefined
  const sending = send({
    file,
    // Under a name of its own it is a file of its own: the same picture may stand in a message already.
    name: newRef(),
    type: file.type || TYPE,
    voice: false,
    url: undefined,
    begun: (begun) => (url = begun),
    lost: () => {},
    progress: (bytes) => sent(Math.round((bytes / file.size) * 100)),
  })
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => {
      sending.stop()
      if (url) void forget(url).catch(() => {})
      reject(signal.reason as Error)
    }),
  )
  return Promise.race([sending.done, aborted])
}

/** Upright, in colours that every screen has, and with no more than its pixels. */
async function renderedBy(id: string, signal: AbortSignal): Promise<Blob> {
  await session.fresh()
  const headers = { 'Kaif-Session': 'cookie', Accept: 'image/webp' }
  const answer = await fetch(`/v1/media/${id}/large`, { headers, signal }).catch((error: unknown) => {
    throw signal.aborted ? error : new Problem('offline')
  })
  if (!answer.ok) throw problemOf(await answer.json().catch(() => undefined), answer)
  return answer.blob()
}
