// What waits for its time on the server, messages and reminders: all of one's own, fetched anew when something changes.
import { api, ok } from './api'
import type { Entry, GivenAttachment, Reminder, Scheduled } from './types'

export type VanishAfter = 0 | 86_400 | 604_800 | 2_592_000

class ScheduledMessages {
  #all = $state.raw<readonly Scheduled[]>([])
  reminders = $state.raw<readonly Reminder[]>([])
  #asking = 0

  /** Of the chat; with `failed`, those of other chats as well that could not be sent. */
  of(chatId: string, failed = false): Scheduled[] {
    return this.#all.filter((one) => one.chat_id === chatId || (failed && one.failure !== ''))
  }

  async sync(): Promise<void> {
    // Of two answers on their way the one that was asked for last counts.
    const asked = (this.#asking += 1)
    const [{ messages }, { reminders }] = await Promise.all([
      ok(api.GET('/v1/messaging/scheduled')),
      ok(api.GET('/v1/messaging/reminders')),
    ])
    if (asked !== this.#asking) return
    this.#all = messages
    this.reminders = reminders
  }

  clear(): void {
    this.#asking += 1
    this.#all = []
    this.reminders = []
  }

  async add(
    chat_id: string,
    message: {
      ref: string
      text: string
      send_at: string
      topic_id?: number
      post?: number
      reply_to?: number
      quote?: string
      silent?: boolean
      without_preview?: boolean
      attachments?: GivenAttachment[]
    },
  ): Promise<void> {
    const params = { path: { chat_id } }
    await ok(api.POST('/v1/messaging/chats/{chat_id}/scheduled', { params, body: message }))
    await this.sync()
  }

  async change(id: string, change: { text: string; send_at: string; silent: boolean }): Promise<void> {
    await ok(api.POST('/v1/messaging/scheduled/{scheduled_id}', { ...of(id), body: change }))
    await this.sync()
  }

  async remove(id: string): Promise<void> {
    await ok(api.DELETE('/v1/messaging/scheduled/{scheduled_id}', of(id)))
    await this.sync()
  }

  async sendNow(id: string): Promise<void> {
    await ok(api.POST('/v1/messaging/scheduled/{scheduled_id}/send', { ...of(id), body: {} }))
    await this.sync()
  }
}

export async function remind({ chat_id, seq }: Entry, ref: string, at: Date): Promise<void> {
  const path = '/v1/messaging/chats/{chat_id}/messages/{seq}/reminders'
  const body = { ref, remind_at: at.toISOString() }
  await ok(api.POST(path, { params: { path: { chat_id, seq } }, body }))
  await scheduled.sync()
}

export async function forgetReminder(reminder_id: string): Promise<void> {
  await ok(api.DELETE('/v1/messaging/reminders/{reminder_id}', { params: { path: { reminder_id } } }))
  await scheduled.sync()
}

/** How long messages that are written from now on stay. */
export async function setTimer(chat_id: string, vanish_after_s: VanishAfter): Promise<void> {
  const params = { path: { chat_id } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/timer', { params, body: { vanish_after_s } }))
}

function of(scheduled_id: string) {
  return { params: { path: { scheduled_id } } }
}

export const scheduled = new ScheduledMessages()
