// Comments on posts of channels, as the server is asked for them.
import { api, ok } from './api'
import type { Discussion, Entry, GivenAttachment, Thread } from './types'

const of = (chat_id: string) => ({ params: { path: { chat_id } } })

/** Undefined where posts take no comments. */
export async function discussionOf(chatId: string): Promise<Discussion | undefined> {
  const found = await ok(api.GET('/v1/messaging/chats/{chat_id}/discussion', of(chatId)))
  return found.discussion ?? undefined
}

/** Linking the same group again changes who may comment. */
export async function linkDiscussion(chatId: string, group_id: string, open: boolean): Promise<Discussion> {
  const body = { group_id, open }
  return ok(api.POST('/v1/messaging/chats/{chat_id}/discussion', { ...of(chatId), body }))
}

export async function unlinkDiscussion(chatId: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/discussion', of(chatId)))
}

export async function fetchThread(
  chat_id: string,
  seq: number,
  query: { after?: number; before?: number; limit: number },
): Promise<Thread> {
  const params = { path: { chat_id, seq }, query }
  return ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}/comments', { params }))
}

export interface NewComment {
  ref: string
  text: string
  reply_to?: number
  quote?: string
  silent?: boolean
  without_preview?: boolean
  attachments?: GivenAttachment[]
}

export async function writeComment(chat_id: string, seq: number, body: NewComment): Promise<Entry> {
  const params = { path: { chat_id, seq } }
  return ok(api.POST('/v1/messaging/chats/{chat_id}/messages/{seq}/comments', { params, body }))
}
