// Days of a chat's log.
import { api, ok } from './api'

/** The first message from then on, in a topic alone if one is given; undefined where there is none. */
export async function firstFrom(
  chat_id: string,
  from: Date,
  topic_id: number | undefined,
): Promise<number | undefined> {
  const topic = topic_id === undefined ? {} : { topic_id }
  const params = { path: { chat_id }, query: { at: from.toISOString(), ...topic } }
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/date', { params }))).seq ?? undefined
}
