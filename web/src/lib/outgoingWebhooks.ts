// Where one's bots are called, as the server is asked for it.
import { api, ok } from './api'
import { t, type Key } from './i18n.svelte'
import type { Bot, DeliveryProblem, OutgoingWebhook, OutgoingWebhookWithSecret } from './types'

const PATH = '/v1/messaging/bots/{bot_id}/webhook'

function of(bot: Bot) {
  return { params: { path: { bot_id: bot.person.id } } }
}

export async function webhookOf(bot: Bot): Promise<OutgoingWebhook | undefined> {
  return (await ok(api.GET(PATH, of(bot)))).webhook ?? undefined
}

export async function setWebhook(bot: Bot, url: string): Promise<OutgoingWebhookWithSecret> {
  return ok(api.POST(PATH, { ...of(bot), body: { url } }))
}

export async function resumeWebhook(bot: Bot): Promise<OutgoingWebhook | undefined> {
  return (await ok(api.POST(`${PATH}/resume`, { ...of(bot), body: {} }))).webhook ?? undefined
}

export async function removeWebhook(bot: Bot): Promise<void> {
  await ok(api.DELETE(PATH, of(bot)))
}

const REASONS: Record<DeliveryProblem['kind'], Key> = {
  unreachable: 'bot_webhook.unreachable',
  too_slow: 'bot_webhook.too_slow',
  refused: 'bot_webhook.refused',
  redirected: 'bot_webhook.redirected',
  oversized: 'bot_webhook.oversized',
  forbidden_address: 'bot_webhook.forbidden_address',
  secret_lost: 'bot_webhook.secret_lost',
  bot_stopped: 'bot_webhook.bot_stopped',
}

/** Why nothing comes through, in a sentence. */
export function reasonOf({ kind, status }: DeliveryProblem): string {
  return t(REASONS[kind], { status })
}
