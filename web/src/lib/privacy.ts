// Who reaches one, what others learn of one, and whom one has blocked.
import { api, ok } from './api'
import type { FirstContact, Person, PrivacyChange, PrivacySettings } from './types'

export const AUDIENCES = ['everybody', 'acquaintances', 'nobody'] as const
export const REACHED_BY = ['write_first', 'add_to_groups', 'online'] as const
export const SHOWN = ['read_receipts', 'named_in_forwards'] as const

const BLOCKED_PAGE = 100
const of = (chat_id: string) => ({ params: { path: { chat_id } } })

export async function privacy(): Promise<PrivacySettings> {
  return ok(api.GET('/v1/messaging/privacy'))
}

export async function changePrivacy(change: PrivacyChange): Promise<PrivacySettings> {
  return ok(api.POST('/v1/messaging/privacy', { body: change }))
}

export async function isBlocked(user_id: string): Promise<boolean> {
  return (await ok(api.GET('/v1/messaging/blocked/{user_id}', { params: { path: { user_id } } }))).blocked
}

export async function block(user_id: string): Promise<void> {
  await ok(api.POST('/v1/messaging/blocked', { body: { user_id } }))
}

export async function unblock(user_id: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/blocked/{user_id}', { params: { path: { user_id } } }))
}

export async function blockedPeople(cursor: string): Promise<{ people: Person[]; next: string }> {
  const query = { limit: BLOCKED_PAGE, ...(cursor ? { cursor } : {}) }
  const page = await ok(api.GET('/v1/messaging/blocked', { params: { query } }))
  return { people: page.people, next: page.next_cursor ?? '' }
}

export async function firstContact(chat_id: string): Promise<FirstContact> {
  return ok(api.GET('/v1/messaging/chats/{chat_id}/first-contact', of(chat_id)))
}

export async function acceptContact(chat_id: string): Promise<void> {
  await ok(api.POST('/v1/messaging/chats/{chat_id}/first-contact/accept', { ...of(chat_id), body: {} }))
}
