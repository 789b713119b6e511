// How far one has read, in chats and their topics: told to the server until it says so itself.
import type { ChatModel } from './chat.svelte'
import type { ChatList } from './chatList.svelte'
import { KNOWN_MAX } from './mentions'
import { clearRead } from './notifications'
import type { Realtime } from './realtime.svelte'
import type { GroupTopics, TopicModel } from './topics.svelte'
import type { ClientEvent, ServerEvent } from './types'

/** The mark is at the server by then. */
const MORE_MENTIONS_MS = 1000

interface Mark {
  chat_id: string
  topic_id?: number
  seq: number
}

export class ReadMarks {
  readonly #list: ChatList
  readonly #topics: ReadonlyMap<string, GroupTopics>
  readonly #realtime: Realtime
  /** Those that the server has not confirmed, by the chat or topic. */
  #waiting = new Map<string, Mark>()

  constructor(list: ChatList, topics: ReadonlyMap<string, GroupTopics>, realtime: Realtime) {
    this.#list = list
    this.#topics = topics
    this.#realtime = realtime
  }

  /** All of this log has been read up to there. */
  markRead(chat: ChatModel, seq: number): void {
    const known = chat.summary.mentions?.length ?? 0
    if (!chat.markRead(seq)) return
    const { topicId } = chat
    // There may be more than were known.
    if (known >= KNOWN_MAX && !chat.summary.mentions?.length)
      setTimeout(() => {
        void this.#list.refresh(chat.id).catch(() => {})
        this.#topics.get(chat.id)?.refresh()
      }, MORE_MENTIONS_MS)
    if (topicId !== undefined) this.#topics.get(chat.id)?.marked(chat as TopicModel)
    const mark: Mark = { chat_id: chat.id, seq, ...(topicId === undefined ? {} : { topic_id: topicId }) }
    this.#waiting.set(markKey(mark), mark)
    this.#realtime.send([{ type: 'read', ...mark }])
  }

  /** A mark has moved: one's own, be it by another device, or that of others. */
  hear(event: Extract<ServerEvent, { type: 'read' }>): void {
    const { chat_id, user_id, seq, topic_id } = event
    const chat = this.#list.chats.get(chat_id)
    const topics = this.#topics.get(chat_id)
    const mine = user_id === this.#list.me
    const waiting = this.#waiting.get(markKey(event))
    if (mine && waiting && waiting.seq <= seq) this.#waiting.delete(markKey(event))
    // One's own mark of this very window changes nothing here.
    const known = topic_id === undefined ? undefined : topics?.find(topic_id)
    if (!mine || !known || known.read_seq < seq) topics?.read(topic_id, seq, mine)
    if (topic_id !== undefined) {
      if (mine && (!known || known.read_seq < seq)) void this.#list.refresh(chat_id).catch(() => {})
      if (mine) void clearRead(chat_id, seq, topic_id).catch(() => {})
      // What was told before its message moved to another topic.
      if (mine && chat?.summary.unread === 0) void clearRead(chat_id, chat.summary.seq).catch(() => {})
      return
    }
    if (!mine) return chat?.markReadByOthers(seq)
    chat?.markRead(seq)
    void clearRead(chat_id, seq).catch(() => {})
  }

  /** Marks that were set while nobody listened. */
  again(): void {
    const marks = [...this.#waiting.values()].map((mark): ClientEvent => ({ type: 'read', ...mark }))
    if (marks.length) this.#realtime.send(marks)
  }
}

/** After what the divider stands, if anything is unread. */
export function markOf({ unread, read_seq }: { unread: number; read_seq: number }): number | undefined {
  return unread ? read_seq : undefined
}

function markKey({ chat_id, topic_id }: { chat_id: string; topic_id?: number }): string {
  return topic_id === undefined ? chat_id : `${chat_id}.${topic_id}`
}
