// Addresses by which programs elsewhere post into a chat, as the server is asked for them.
import { api, ok } from './api'
import type { Webhook, WebhookWithPath } from './types'

function of(chat_id: string) {
  return { params: { path: { chat_id } } }
}

function one(chat_id: string, { id }: Webhook) {
  return { params: { path: { chat_id, webhook_id: id } } }
}

export async function webhooksOf(chatId: string): Promise<Webhook[]> {
  return (await ok(api.GET('/v1/messaging/chats/{chat_id}/webhooks', of(chatId)))).webhooks
}

export async function makeWebhook(chatId: string, name: string, topic_id: number): Promise<WebhookWithPath> {
  return ok(api.POST('/v1/messaging/chats/{chat_id}/webhooks', { ...of(chatId), body: { name, topic_id } }))
}

export async function moveWebhook(chatId: string, webhook: Webhook, topic_id: number): Promise<void> {
  const path = '/v1/messaging/chats/{chat_id}/webhooks/{webhook_id}'
  await ok(api.POST(path, { ...one(chatId, webhook), body: { topic_id } }))
}

export async function renewWebhook(chatId: string, webhook: Webhook): Promise<WebhookWithPath> {
  const path = '/v1/messaging/chats/{chat_id}/webhooks/{webhook_id}/address'
  return ok(api.POST(path, { ...one(chatId, webhook), body: {} }))
}

export async function revokeWebhook(chatId: string, webhook: Webhook): Promise<void> {
  await ok(api.DELETE('/v1/messaging/chats/{chat_id}/webhooks/{webhook_id}', one(chatId, webhook)))
}

/** Where a program posts to. */
export function addressOf({ path }: WebhookWithPath): string {
  return `${location.origin}${path}`
}
