// Days of a chat's log.
import { api, ok } from './api'

/** The first message from then on; undefined where there is none. */
export async function firstFrom(chat_id: string, from: Date): Promise<number | undefined> {
  const params = { path: { chat_id }, query: { at: from.toISOString() } }
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/date', { params }))).seq ?? undefined
}
