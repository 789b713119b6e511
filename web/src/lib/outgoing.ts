// The pure rules of a message that waits for its files.
import type { GivenAttachment, Unsent } from './types'

/** As many files as one message carries. */
export const ALBUM_MAX = 10

/** One for each message, in order; without files there is one message all the same. */
export function albumsOf<File>(files: readonly File[]): File[][] {
  const count = Math.max(1, Math.ceil(files.length / ALBUM_MAX))
  return Array.from({ length: count }, (_, nth) => files.slice(nth * ALBUM_MAX, (nth + 1) * ALBUM_MAX))
}

/** Whether what goes before it is still on its way. What failed holds nothing up: then it is what went before that. */
export function mustWait({ after }: Unsent, unsent: readonly Unsent[]): boolean {
  const before = after === undefined ? undefined : unsent.find(({ ref }) => ref === after)
  return before !== undefined && (before.state === 'pending' || mustWait(before, unsent))
}

/** What it waited for has been taken back: it waits for what that waited for, if anything. */
export function waitingFor(message: Unsent, after: string | undefined): Unsent {
  const { after: _, ...rest } = message
  return { ...rest, ...(after === undefined ? {} : { after }) }
}

/** Whether the server has all that the message shows. */
export function isWhole({ attachments }: Unsent): boolean {
  return !attachments?.some(({ media_id }) => !media_id)
}

/** As the server takes them; a file that one has chosen twice is one file. */
export function given({ attachments = [] }: Pick<Unsent, 'attachments'>): GivenAttachment[] {
  const known = new Set<string>()
  return attachments.flatMap(({ media_id, as, spoiler }) => {
    if (!media_id || known.has(media_id)) return []
    known.add(media_id)
    return [{ media_id, as, spoiler }]
  })
}

export function withFile(message: Unsent, uploadId: string, mediaId: string): Unsent {
  const attachments = message.attachments?.map((attachment) =>
    attachment.upload_id === uploadId ? { ...attachment, media_id: mediaId } : attachment,
  )
  return { ...message, ...(attachments ? { attachments } : {}) }
}

/** The files have to be uploaded anew. */
export function withoutFiles(message: Unsent): Unsent {
  const attachments = message.attachments?.map((attachment) => {
    const { media_id: _, ...rest } = attachment
    return rest
  })
  return { ...message, ...(attachments ? { attachments } : {}) }
}

/** Of a refusal: what the message shows is no longer at the server. */
export function lacksMedia(code: string): boolean {
  return code === 'media_not_found'
}
