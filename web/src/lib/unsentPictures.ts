// What is seen of a message that is on its way, as far as this browser can show it.
import type { Unsent, UnsentAttachment } from './types'
import { uploads } from './uploads.svelte'

export interface UnsentPicture {
  attachment: UnsentAttachment
  width: number
  height: number
  src: string | undefined
}

export function picturesOf({ attachments = [] }: Unsent): UnsentPicture[] {
  return attachments.flatMap((attachment) => {
    if (attachment.as !== 'media') return []
    const shown = uploads.get(attachment.upload_id)?.picture
    const { width, height } = shown ?? attachment
    return width && height ? [{ attachment, width, height, src: shown?.src }] : []
  })
}

/** Pictures and nothing to be said about them: as it will be shown. */
export function isBare(message: Unsent): boolean {
  const { attachments = [], state } = message
  if (state === 'failed' || picturesOf(message).length < attachments.length) return false
  return attachments.every(({ upload_id }) => !isTroubled(uploads.get(upload_id)?.state))
}

export function isTroubled(state: string | undefined): boolean {
  return state === 'failed' || state === 'lost' || state === 'offline'
}
