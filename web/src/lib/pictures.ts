// Pictures of people, bots, groups and channels: setting them and taking them off.
import { api, ok } from './api'
import { meet } from './people.svelte'
import { session } from './session.svelte'
import { send } from './tus'
import type { Bot } from './types'

/** Whose picture it is. */
export interface Pictured {
  id: string
  name: string
  avatar?: string | null | undefined
}

/** A picture that was cut out, as a file of the server's. Raises a Problem. */
export async function upload(picture: Blob): Promise<string> {
  const name = picture.type === 'image/webp' ? 'picture.webp' : 'picture.jpg'
  const nothing = (): void => {}
  return send({
    file: picture,
    name,
    type: picture.type,
    voice: false,
    url: undefined,
    begun: nothing,
    lost: nothing,
    progress: nothing,
  }).done
}

export async function setOwn(media_id: string | null): Promise<void> {
  if (media_id) session.keep(await ok(api.POST('/v1/auth/avatar', { body: { media_id } })))
  else {
    await ok(api.DELETE('/v1/auth/avatar'))
    if (session.user) session.keep({ ...session.user, avatar: null })
  }
  if (session.user) meet([session.user])
}

export async function setBots(bot: Bot, media_id: string | null): Promise<Bot> {
  const params = { path: { bot_id: bot.person.id } }
  const body = { media_id: media_id ?? '' }
  if (media_id) return ok(api.POST('/v1/auth/bots/{bot_id}/avatar', { params, body }))
  await ok(api.DELETE('/v1/auth/bots/{bot_id}/avatar', { params }))
  return { ...bot, person: { ...bot.person, avatar: null } }
}

export async function setChats(chat_id: string, media_id: string | null): Promise<void> {
  const params = { path: { chat_id } }
  const body = { media_id: media_id ?? '' }
  if (media_id) await ok(api.POST('/v1/messaging/chats/{chat_id}/avatar', { params, body }))
  else await ok(api.DELETE('/v1/messaging/chats/{chat_id}/avatar', { params }))
}

/** Of any chat, for who handles reports. Raises a Problem. */
export async function takeChats(chat_id: string): Promise<void> {
  const params = { path: { chat_id } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/avatar/take', { params, body: {} }))
}
