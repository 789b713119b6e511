// Looking after a group or channel, and the ways into it.
import type { paths } from '../api.gen'
import { api, ok } from './api'
import type { Page } from './pages.svelte'
import { shownName } from './people.svelte'
import { Problem } from './problems'
import type { Chat, ChatBan, ChatLink, ChatMember, ChatPreview, JoinRequest, RightName } from './types'

export type Change = Omit<BodyOf<'/v1/messaging/chats/{chat_id}/settings'>, 'chat_id'>
export type LinkWanted = Omit<BodyOf<'/v1/messaging/chats/{chat_id}/links'>, 'chat_id'>
export type Door = { secret: string } | { name: string }
type BodyOf<Path extends keyof paths> = paths[Path] extends {
  post: { requestBody: { content: { 'application/json': infer Body } } }
}
  ? Body
  : never

/** What can be left to all members of a group. */
export const OF_MEMBERS: RightName[] = ['send', 'media', 'links', 'invite', 'pin', 'info']
/** What is chosen for an admin: in a group they speak anyway. */
export const OF_ADMINS: Record<'group' | 'channel', RightName[]> = {
  group: ['info', 'delete', 'ban', 'invite', 'pin', 'topics', 'admins'],
  channel: ['send', 'media', 'links', 'edit', 'info', 'delete', 'ban', 'invite', 'pin', 'admins'],
}
/** What a restriction takes. */
export const TAKEABLE: RightName[] = ['send', 'media', 'links', 'invite', 'pin', 'info']
const PAGE = 100

const of = (chat_id: string) => ({ params: { path: { chat_id } } })
const ofMember = (chat_id: string, user_id: string) => ({ params: { path: { chat_id, user_id } } })

const pageAt = (chat_id: string, cursor: string) => ({
  params: { path: { chat_id }, query: { limit: PAGE, ...(cursor ? { cursor } : {}) } },
})

/** Everybody, or those whose names have words that begin so. */
export async function membersOf(chat_id: string, cursor: string, query = ''): Promise<Page<ChatMember>> {
  const { params } = pageAt(chat_id, cursor)
  const wanted = { ...params, query: { ...params.query, ...(query ? { query } : {}) } }
  const page = await ok(api.GET('/v1/messaging/chats/{chat_id}/members', { params: wanted }))
  return { items: page.members, next: page.next_cursor ?? null }
}

/** Nothing of whoever is not there, or may not be seen there. */
export async function memberOf(chat_id: string, user_id: string): Promise<ChatMember | undefined> {
  try {
    return await ok(api.GET('/v1/messaging/chats/{chat_id}/members/{user_id}', ofMember(chat_id, user_id)))
  } catch (error) {
    if (error instanceof Problem && ['member_not_found', 'members_hidden'].includes(error.code)) return
    throw error
  }
}

/** The owner and the admins. */
export async function staffOf(chat_id: string): Promise<ChatMember[]> {
  const params = { path: { chat_id }, query: { who: 'staff' as const } }
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/members', { params }))).members
}

export async function changeChat(chat_id: string, change: Change): Promise<Chat> {
  return ok(api.POST('/v1/messaging/chats/{chat_id}/settings', { ...of(chat_id), body: change }))
}

export async function appoint(chat_id: string, user_id: string, rights: RightName[]): Promise<void> {
  await ok(api.POST('/v1/messaging/chats/{chat_id}/admins', { ...of(chat_id), body: { user_id, rights } }))
}

export async function dismiss(chat_id: string, user_id: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/admins/{user_id}', ofMember(chat_id, user_id)))
}

export async function restrict(
  chat_id: string,
  user_id: string,
  taken: RightName[],
  until: string | null,
): Promise<void> {
  const body = { user_id, taken, until }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/restrictions', { ...of(chat_id), body }))
}

async function ban(chat_id: string, user_id: string): Promise<void> {
  await ok(api.POST('/v1/messaging/chats/{chat_id}/bans', { ...of(chat_id), body: { user_id } }))
}

/** All that somebody wrote is deleted after the answer; the event `purged` says how much it was. */
export async function purge(chat_id: string, user_id: string): Promise<void> {
  await ok(api.POST('/v1/messaging/chats/{chat_id}/purges', { ...of(chat_id), body: { user_id } }))
}

/** With `all`, what they wrote goes too: afterwards, when they can write no more. */
export async function banFrom(chat_id: string, user_id: string, all: boolean): Promise<void> {
  await ban(chat_id, user_id)
  if (all) await purge(chat_id, user_id)
}

export async function unban(chat_id: string, user_id: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/bans/{user_id}', ofMember(chat_id, user_id)))
}

export async function bansOf(chat_id: string, cursor: string): Promise<Page<ChatBan>> {
  const page = await ok(api.GET('/v1/messaging/chats/{chat_id}/bans', pageAt(chat_id, cursor)))
  return { items: page.bans, next: page.next_cursor ?? null }
}

export async function removeMember(chat_id: string, user_id: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/members/{user_id}', ofMember(chat_id, user_id)))
}

export async function transfer(chat_id: string, user_id: string): Promise<void> {
  await ok(api.POST('/v1/messaging/chats/{chat_id}/owner', { ...of(chat_id), body: { user_id } }))
}

export async function deleteChat(chat_id: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}', of(chat_id)))
}

// The ways in

export async function linksOf(chat_id: string): Promise<ChatLink[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/links', of(chat_id)))).links
}

/** The address that leads in: it is known this once. */
export async function makeLink(chat_id: string, wanted: LinkWanted): Promise<string> {
  const made = await ok(api.POST('/v1/messaging/chats/{chat_id}/links', { ...of(chat_id), body: wanted }))
  return `${location.origin}/join#${made.secret}`
}

export async function revokeLink(chat_id: string, link_id: string): Promise<void> {
  const params = { path: { chat_id, link_id } }
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/links/{link_id}', { params }))
}

export async function requestsOf(chat_id: string, cursor: string): Promise<Page<JoinRequest>> {
  const page = await ok(api.GET('/v1/messaging/chats/{chat_id}/join-requests', pageAt(chat_id, cursor)))
  return { items: page.requests, next: page.next_cursor ?? null }
}

export async function answer(chat_id: string, user_id: string, let_in: boolean): Promise<void> {
  const body = { user_id, let_in }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/join-requests', { ...of(chat_id), body }))
}

export async function preview(door: Door): Promise<ChatPreview> {
  return ok(api.POST('/v1/messaging/invitations/preview', { body: door }))
}

export async function join(door: Door): Promise<{ chat_id: string; asked: boolean }> {
  return ok(api.POST('/v1/messaging/invitations/join', { body: door }))
}

export function addressOf(name: string): string {
  return `${location.origin}/join/${name}`
}

/** Owner and admins first, then by name. */
export function inOrder(members: ChatMember[]): ChatMember[] {
  const rank = { owner: 0, admin: 1, member: 2 }
  return [...members].sort((a, b) => rank[a.role] - rank[b.role] || shownName(a).localeCompare(shownName(b)))
}
