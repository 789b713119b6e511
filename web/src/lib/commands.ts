// What the bots of a chat offer after a slash.
import { api, ok } from './api'
import { i18n } from './i18n.svelte'
import type { BotCommand } from './types'

const SHOWN_MAX = 8

export async function commandsOf(chat_id: string): Promise<BotCommand[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/commands', { params: { path: { chat_id } } })))
    .commands
}

/** What has been typed of a command's name, while nothing else has. */
export function begun(text: string): string | undefined {
  return /^\/([a-z0-9_]{0,32})$/i.exec(text)?.[1]?.toLowerCase()
}

export function matching(commands: readonly BotCommand[], typed: string): BotCommand[] {
  return commands.filter(({ name }) => name.startsWith(typed)).slice(0, SHOWN_MAX)
}

/** As it is written: where several may listen it says whose it is. */
export function written({ name, bot }: BotCommand, isGroup: boolean): string {
  return isGroup ? `/${name}@${bot.username} ` : `/${name} `
}

export function describe(command: BotCommand): string {
  return i18n.locale === 'ru' ? command.ru : command.en
}
