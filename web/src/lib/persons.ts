// One person: who they are now, what they are in a chat, and whether one has blocked them.
import { api, ok } from './api'
import { Problem } from './problems'
import type { ChatMember, Person } from './types'

const of = (user_id: string) => ({ params: { path: { user_id } } })

export async function personNow(user_id: string): Promise<Person> {
  return ok(api.GET('/v1/auth/people/{user_id}', of(user_id)))
}

export async function isBlocked(user_id: string): Promise<boolean> {
  return (await ok(api.GET('/v1/messaging/blocked/{user_id}', of(user_id)))).blocked
}

/** Nothing of whoever is not there, or may not be seen there. */
export async function memberOf(chat_id: string, user_id: string): Promise<ChatMember | undefined> {
  const params = { path: { chat_id, user_id } }
  try {
    return await ok(api.GET('/v1/messaging/chats/{chat_id}/members/{user_id}', { params }))
  } catch (error) {
    if (error instanceof Problem && ['member_not_found', 'members_hidden'].includes(error.code)) return
    throw error
  }
}
