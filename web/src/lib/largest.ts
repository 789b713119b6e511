// One's own largest files: where they were sent, and how the room that they take becomes free.
import { api, ok } from './api'
import { mayDeleteSent } from './mayDo'
import { remove } from './messages'
import type { Page } from './pages.svelte'
import { Problem } from './problems'
import type { Chat, LargeFile, SentPlace } from './types'

/** Messaging lets go of what was deleted a moment later. */
const LOOK_AFTER_MS = [0, 500, 1000, 2000, 4000]

export async function largestFiles(cursor: string): Promise<Page<LargeFile>> {
  const query = cursor ? { cursor } : {}
  const { files, next_cursor } = await ok(api.GET('/v1/media/largest', { params: { query } }))
  const media_ids = files.map(({ id }) => id)
  const places = media_ids.length
    ? (await ok(api.POST('/v1/messaging/attachments/places', { body: { media_ids } }))).places
    : []
  const items = files.map((media) => ({
    media,
    places: places.filter(({ media_id }) => media_id === media.id),
  }))
  return { items, next: next_cursor }
}

/** Those of its messages that one may delete for everyone. */
export function deletable({ places }: LargeFile, chatOf: (id: string) => Chat | undefined): SentPlace[] {
  return places.filter((place) => mayDeleteSent(place, chatOf(place.chat_id)))
}

/** False when something else still shows it. */
export async function free({ media: { id } }: LargeFile, places: readonly SentPlace[]): Promise<boolean> {
  for (const chatId of new Set(places.map(({ chat_id }) => chat_id))) {
    const here = places.filter(({ chat_id }) => chat_id === chatId)
    await remove(
      chatId,
      here.map(({ seq }) => seq),
      true,
    )
  }
  for (const waitMs of LOOK_AFTER_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    if (await forget(id)) return true
  }
  return false
}

async function forget(media_id: string): Promise<boolean> {
  try {
    await ok(api.DELETE('/v1/media/files/{media_id}', { params: { path: { media_id } } }))
    return true
  } catch (error) {
    if (error instanceof Problem && error.code === 'media_not_found') return false
    throw error
  }
}
