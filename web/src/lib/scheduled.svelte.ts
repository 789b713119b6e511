// Messages that wait for their time on the server: all of one's own, fetched anew when something about them changes.
import { api, ok } from './api'
import type { Scheduled } from './types'

class ScheduledMessages {
  #all = $state.raw<readonly Scheduled[]>([])
  #asking = 0

  /** Of the chat; with `failed`, those of other chats as well that could not be sent. */
  of(chatId: string, failed = false): Scheduled[] {
    return this.#all.filter((one) => one.chat_id === chatId || (failed && one.failure !== ''))
  }

  async sync(): Promise<void> {
    // Of two answers on their way the one that was asked for last counts.
    const asked = (this.#asking += 1)
    const { messages } = await ok(api.GET('/v1/messaging/scheduled'))
    if (asked === this.#asking) this.#all = messages
  }

  clear(): void {
    this.#asking += 1
    this.#all = []
  }

  async add(
    chat_id: string,
    message: { ref: string; text: string; send_at: string; reply_to?: number; silent?: boolean },
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

function of(scheduled_id: string) {
  return { params: { path: { scheduled_id } } }
}

export const scheduled = new ScheduledMessages()
