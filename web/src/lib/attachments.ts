// The files of a chat, as the server lists them.
import { api, ok } from './api'
import { isVisual, type Visual } from './media'
import type { Attachment, Entry } from './types'

export type SharedKind = 'media' | 'file' | 'voice' | 'audio'

export interface Shared<File extends Attachment = Attachment> {
  entry: Entry
  file: File
}

export interface SharedPage {
  entries: Entry[]
  next: string | null
}

const PAGE = 60

/** A chat, or one of its topics. */
export interface FilesOf {
  id: string
  topicId?: number | undefined
}

/** Messages with files of this kind, newest first; with a cursor those that are older. A seq is a cursor. */
export async function filesOf(
  { id: chat_id, topicId }: FilesOf,
  kind: SharedKind,
  cursor: string,
): Promise<SharedPage> {
  const topic = topicId === undefined ? {} : { topic_id: topicId }
  const params = { path: { chat_id }, query: { kind, cursor, limit: PAGE, ...topic } }
  const page = await ok(api.GET('/v1/messaging/chats/{chat_id}/attachments', { params }))
  return { entries: page.entries, next: page.next_cursor ?? null }
}

const ENTRIES_MAX = 200

/** What was said after this: a page, oldest first. */
export async function entriesAfter(chat_id: string, after: number): Promise<Entry[]> {
  const params = { path: { chat_id }, query: { after, limit: ENTRIES_MAX } }
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/entries', { params }))).entries
}

/** Names of what has been made of a file by now; none when nobody can tell. */
export async function madeOf(media_id: string): Promise<readonly string[]> {
  try {
    const params = { path: { media_id } }
    return (await ok(api.GET('/v1/media/files/{media_id}', { params }))).renditions ?? []
  } catch {
    return []
  }
}

/** Of messages in any order: their pictures and films in that order, those of one album in its own. */
export function visualsOf(entries: readonly Entry[]): Shared<Visual>[] {
  return entries.flatMap((entry) =>
    filesIn(entry)
      .filter(isVisual)
      .map((file) => ({ entry, file })),
  )
}

export function filesIn(entry: Entry): readonly Attachment[] {
  return entry.kind === 'message' && !entry.deleted && !entry.hidden ? (entry.attachments ?? []) : []
}
