// The way to a message from beside the log.
import { navigate } from '../router'
import type { ChatModel } from './chat.svelte'

/** Of a group with topics as a whole no log is shown: there the address leads to the topic, and it to the message. */
export async function lead(chat: ChatModel, seq: number, whole = chat.topicId === undefined): Promise<void> {
  if (!chat.summary.topics || !whole) return chat.goTo(seq)
  await navigate('/chat/:id/:seq', { params: { id: chat.id, seq: String(seq) } })
}
