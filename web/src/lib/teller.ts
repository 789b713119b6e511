// Tells of what comes while the client is open and nobody looks at it: at once, and so that the server does not do it
// again. Which window tells, when there are several, their common worker decides (service-worker.js).
import { api, ok } from './api'
import { isAway } from './away'
import { lineOf } from './cards'
import type { ChatModel } from './chat.svelte'
import { chime } from './chime'
import { i18n } from './i18n.svelte'
import { fetchMessage } from './messages'
import { chatChoice, isTelling, settings, type Notify } from './notifications'
import { authorOf } from './people.svelte'
import { preferences } from './preferences.svelte'
import { isTold, mentions, shownText } from './telling'
import { titleOf, topicName } from './titles'
import { isTopicMuted, topicOf } from './topics'
import type { GroupTopics } from './topics.svelte'
import type { Entry, NotificationSettings, Topic } from './types'

/** What was chosen on another device is known so much later. */
const KNOWN_FOR_MS = 60_000
const CHATS_MAX = 100

export class Teller {
  readonly #me: string
  readonly #topicsOf: (chat: ChatModel) => GroupTopics
  #settings: Kept<NotificationSettings> | undefined
  #choices = new Map<string, Kept<Notify>>()

  constructor(me: string, topicsOf: (chat: ChatModel) => GroupTopics) {
    this.#me = me
    this.#topicsOf = topicsOf
  }

  /** New entries of a chat: of those that come together the last one is told. */
  hear(chat: ChatModel, entries: readonly Entry[]): void {
    if (!isAway() || !isTelling()) return
    const messages = entries.filter(({ kind }) => kind === 'message')
    void this.#tellLast(chat, messages).catch(() => {})
  }

  /** These mention one or answer one: it may be told where nothing else is. */
  hearMentions(chat: ChatModel, seqs: readonly number[]): void {
    const seq = seqs.at(-1)
    if (seq === undefined || !isAway() || !isTelling()) return
    const last = chat.summary.last_entry
    const known = chat.at(seq) ?? (last?.seq === seq ? last : undefined)
    void Promise.resolve(known ?? fetchMessage(chat.id, seq))
      .then((entry) => this.#tell(chat, entry, true))
      .catch(() => {})
  }

  async #tellLast(chat: ChatModel, messages: readonly Entry[]): Promise<void> {
    for (const entry of messages.toReversed()) {
      const answered = entry.reply_to ? chat.at(entry.reply_to) : undefined
      if (await this.#tell(chat, entry, mentions(entry, this.#me) || answered?.sender_id === this.#me)) return
    }
  }

  async #tell(chat: ChatModel, entry: Entry, addressed: boolean): Promise<boolean> {
    const [settings, notify, topicMuted] = await Promise.all([
      this.#wanted(),
      this.#choice(chat.id),
      this.#isTopicMuted(chat, entry),
    ])
    // It may have been read or deleted meanwhile, and somebody may have come back.
    const now = chat.at(entry.seq) ?? entry
    const wanted = { notify, settings, addressed, topicMuted }
    if (!isAway() || !isTold(now, chat.summary, this.#me, wanted, new Date())) return false
    const topic = chat.summary.topics ? this.#topicsOf(chat).find(topicOf(entry)) : undefined
    if (!(await show(chat, topic, now, this.#me, settings.preview))) return true
    if (preferences.sound && !now.silent) void chime().catch(() => {})
    const body = { chat_id: chat.id, seq: now.seq }
    await ok(api.POST('/v1/messaging/push-subscriptions/shown', { body }))
    return true
  }

  async #wanted(): Promise<NotificationSettings> {
    if (!isFresh(this.#settings)) this.#settings = { at: Date.now(), value: await settings() }
    return this.#settings!.value
  }

  async #choice(chatId: string): Promise<Notify> {
    const known = this.#choices.get(chatId)
    if (isFresh(known)) return known!.value
    if (this.#choices.size >= CHATS_MAX) this.#choices.clear()
    const value = await chatChoice(chatId)
    this.#choices.set(chatId, { at: Date.now(), value })
    return value
  }

  async #isTopicMuted(chat: ChatModel, entry: Entry): Promise<boolean> {
    if (!chat.summary.topics) return false
    const topics = this.#topicsOf(chat)
    if (!topics.loaded) await topics.load()
    const topic = topics.find(topicOf(entry))
    return topic !== undefined && (isTopicMuted(topic) || entry.seq <= topic.read_seq)
  }
}

interface Kept<Value> {
  at: number
  value: Value
}

function isFresh(kept: Kept<unknown> | undefined): boolean {
  return kept !== undefined && Date.now() - kept.at < KNOWN_FOR_MS
}

/** As the server says it (notifications/telling.py). */
function told(group: string, topic: Topic | undefined): string {
  return topic ? `${group} · ${topicName(topic)}` : group
}

/** False when another window has, or is looked at. */
async function show(
  chat: ChatModel,
  topic: Topic | undefined,
  entry: Entry,
  me: string,
  preview: boolean,
): Promise<boolean> {
  const { active } = await navigator.serviceWorker.ready
  const { summary } = chat
  const author = authorOf(entry)
  const shown = {
    chat_id: chat.id,
    seq: entry.seq,
    title: summary.kind === 'direct' ? author : told(titleOf(summary, me), topic),
    ...(topic ? { topic_id: topic.id } : {}),
    author,
    text: preview ? shownText(lineOf(entry)) : '',
    language: i18n.locale,
    // What is to be heard we make ourselves.
    silent: true,
  }
  return new Promise((answer) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => answer(data === true)
    active!.postMessage({ type: 'tell', shown }, [port2])
  })
}
