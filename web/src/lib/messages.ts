// What is done with messages, as the server is asked for it. What comes of it is heard on the socket.
import { api, ok } from './api'
import { newRef } from './outbox'
import type { Entry, Person, Version } from './types'

const REACTORS_MAX = 200

function of({ chat_id, seq }: { chat_id: string; seq: number }) {
  return { params: { path: { chat_id, seq } } }
}

export async function fetchMessage(chat_id: string, seq: number): Promise<Entry> {
  return ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}', of({ chat_id, seq })))
}

export async function edit(entry: Entry, text: string): Promise<Entry> {
  return ok(api.POST('/v1/messaging/chats/{chat_id}/messages/{seq}/edit', { ...of(entry), body: { text } }))
}

export async function remove(chat_id: string, seqs: number[], for_everyone: boolean): Promise<void> {
  const params = { path: { chat_id } }
  await ok(
    api.POST('/v1/messaging/chats/{chat_id}/messages/delete', { params, body: { seqs, for_everyone } }),
  )
}

export async function react(entry: Entry, emoji: string, mine: boolean): Promise<void> {
  const path = '/v1/messaging/chats/{chat_id}/messages/{seq}/reactions'
  if (mine) await ok(api.POST(path, { ...of(entry), body: { emoji } }))
  else await ok(api.DELETE(path, { params: { ...of(entry).params, query: { emoji } } }))
}

export async function pin(entry: Entry, pinned: boolean): Promise<void> {
  const path = '/v1/messaging/chats/{chat_id}/messages/{seq}/pin'
  if (pinned) await ok(api.POST(path, { ...of(entry), body: {} }))
  else await ok(api.DELETE(path, of(entry)))
}

export async function pinsOf(chat_id: string): Promise<Entry[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/pins', { params: { path: { chat_id } } }))).messages
}

export async function versionsOf(entry: Entry): Promise<Version[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}/versions', of(entry)))).versions
}

export async function readersOf(entry: Entry): Promise<Person[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}/readers', of(entry)))).people
}

export async function reactorsOf(entry: Entry): Promise<{ person: Person; emoji: string }[]> {
  const query = { limit: REACTORS_MAX }
  const params = { ...of(entry).params, query }
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}/reactions', { params }))).reactions
}

/** References of one's own, made once: a repeated request forwards nothing twice. */
export function forwardRequest(seqs: readonly number[]): { seq: number; ref: string }[] {
  return seqs.map((seq) => ({ seq, ref: newRef() }))
}

export async function forward(
  from_chat_id: string,
  chat_id: string,
  messages: { seq: number; ref: string }[],
  topic_id = 0,
): Promise<void> {
  const params = { path: { chat_id } }
  const body = { from_chat_id, messages, topic_id }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/forward', { params, body }))
}
