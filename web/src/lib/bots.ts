// One's own bots, as the server is asked for them.
import { api, ok } from './api'
import type { Bot, BotWithKey } from './types'

/** As the server has it; the name of a bot ends in "bot". */
export const BOT_NAME = /^[a-z0-9][a-z0-9._-]{1,28}bot$/i

function of(bot: Bot) {
  return { params: { path: { bot_id: bot.person.id } } }
}

export async function ownBots(): Promise<Bot[]> {
  return (await ok(api.GET('/v1/auth/bots'))).bots
}

export async function makeBot(username: string, display_name: string): Promise<BotWithKey> {
  return ok(api.POST('/v1/auth/bots', { body: { username, display_name } }))
}

export async function renameBot(bot: Bot, display_name: string): Promise<Bot> {
  return ok(api.POST('/v1/auth/bots/{bot_id}/name', { ...of(bot), body: { display_name } }))
}

export async function renewKey(bot: Bot): Promise<BotWithKey> {
  return ok(api.POST('/v1/auth/bots/{bot_id}/key', { ...of(bot), body: {} }))
}

export async function revokeKey(bot: Bot): Promise<Bot> {
  return ok(api.POST('/v1/auth/bots/{bot_id}/key/revoke', { ...of(bot), body: {} }))
}

export async function deleteBot(bot: Bot): Promise<void> {
  await ok(api.DELETE('/v1/auth/bots/{bot_id}', of(bot)))
}
