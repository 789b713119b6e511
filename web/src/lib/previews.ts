// Previews of links: the server looks links up, and tells everybody by the message itself. Nothing here asks other
// sites.
import { api, ok } from './api'
import type { Chat, Entry } from './types'

export type Preview = NonNullable<Entry['preview']>
export type PreviewPicture = NonNullable<Preview['picture']>

/** Beside the words a picture has a small square; one that is as wide as the card, and lies, has a line of its own. */
export function isWide({ width, height }: PreviewPicture): boolean {
  return width >= 400 && width / height >= 1.3
}

let here: Promise<boolean> | undefined

/** Whether this server looks links up at all: asked once. */
export function previewsHere(): Promise<boolean> {
  here ??= ok(api.GET('/v1/messaging/previews')).then(
    ({ on }) => on,
    () => {
      here = undefined
      return false
    },
  )
  return here
}

export async function switchPreviews(chat_id: string, on: boolean): Promise<Chat> {
  return ok(
    api.POST('/v1/messaging/chats/{chat_id}/previews', { params: { path: { chat_id } }, body: { on } }),
  )
}

/** What the card of a message with this text will say; undefined where there will be none, or none soon. */
export async function lookAtLink(chat_id: string, text: string): Promise<Preview | undefined> {
  const params = { path: { chat_id } }
  const found = await ok(api.POST('/v1/messaging/chats/{chat_id}/previews/look', { params, body: { text } }))
  return found.preview ?? undefined
}

export async function removePreview({ chat_id, seq }: Entry): Promise<void> {
  const params = { path: { chat_id, seq } }
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/messages/{seq}/preview', { params }))
}
