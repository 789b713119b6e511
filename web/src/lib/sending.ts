// Sending: what waits to be sent, its files, and what the server answers to it.
import { backoffMs } from './backoff'
import type { ChatModel } from './chat.svelte'
import { writeComment } from './discussions'
import { newRef, Outbox, refuse, REFUSALS_MAX } from './outbox'
import { given, isWhole, lacksMedia, mustWait, waitingFor, withFile, withoutFiles } from './outgoing'
import { Problem } from './problems'
import type { Realtime } from './realtime.svelte'
import { trays } from './tray.svelte'
import type { ClientEvent, Entry, ServerEvent, Unsent, UnsentAttachment } from './types'
import { uploads, type Upload } from './uploads.svelte'

const ACK_WAIT_MS = 10_000
const TYPING_EVERY_MS = 3000

export interface SendHow {
  replyTo?: number
  quote?: string
  silent?: boolean
  topicId?: number
  /** Of the channel's: then it is a comment. */
  post?: number
  withoutPreview?: boolean
  attachments?: UnsentAttachment[]
  /** Not before that one, which `send` named. */
  after?: string
}

export class Sending {
  readonly #me: string
  readonly #chats: ReadonlyMap<string, ChatModel>
  readonly #realtime: Realtime
  readonly #outbox: Outbox
  #typedAt = new Map<string, number>()
  #lastAtMs = 0
  /** Comments of which the server has been asked, and has not answered yet. */
  readonly #asked = new Set<string>()
  /** Told of each comment that the server has taken, before it waits here no longer. */
  readonly #commented: (comment: Unsent) => Promise<void>

  constructor(
    me: string,
    chats: ReadonlyMap<string, ChatModel>,
    realtime: Realtime,
    commented: (comment: Unsent) => Promise<void>,
  ) {
    this.#commented = commented
    this.#me = me
    this.#chats = chats
    this.#realtime = realtime
    this.#outbox = new Outbox(localStorage, me)
  }

  /** Begin, or go on, with the files of what waits; done when it is known which of them this browser kept. */
  async startUploads(): Promise<void> {
    uploads.settled = (upload) => this.#uploaded(upload)
    await uploads.start(this.#me, () => this.#neededUploads())
    this.#missLost()
  }

  /** Erase what waits. */
  clear(): void {
    this.#outbox.clear()
  }

  get count(): number {
    return this.#outbox.all().length
  }

  /** A chat that has just become known shows what waits to be sent there. */
  adopt(chat: ChatModel): void {
    chat.waiting = this.#outbox.all().filter(({ chat_id }) => chat_id === chat.id)
  }

  /** The bubble is there at once; the message stays in the outbox until its own entry arrives. Returns its reference. */
  send(chatId: string, text: string, how: SendHow = {}): string {
    // Of several that are sent at once each has a moment of its own: they stand in their order.
    this.#lastAtMs = Math.max(Date.now(), this.#lastAtMs + 1)
    const message: Unsent = {
      chat_id: chatId,
      ref: newRef(),
      text,
      at: new Date(this.#lastAtMs).toISOString(),
      state: 'pending',
      refusals: 0,
      ...(how.replyTo === undefined ? {} : { reply_to: how.replyTo }),
      ...(how.quote ? { quote: how.quote } : {}),
      ...(how.silent ? { silent: true } : {}),
      ...(how.topicId ? { topic_id: how.topicId } : {}),
      ...(how.post === undefined ? {} : { post: how.post }),
      ...(how.withoutPreview ? { without_preview: true } : {}),
      ...(how.attachments?.length ? { attachments: how.attachments } : {}),
      ...(how.after ? { after: how.after } : {}),
    }
    this.#keep(message)
    this.#transmit([message], false)
    // With the message the others see nobody type any more: what is typed next is told at once.
    this.#typedAt.delete(`${chatId}.${how.topicId}`)
    // One that failed while it lay ready fails its message too.
    for (const { upload_id } of message.attachments ?? []) {
      const upload = uploads.get(upload_id)
      if (upload?.state === 'failed') this.#uploaded(upload)
    }
    return message.ref
  }

  retry(message: Unsent): void {
    const again: Unsent = { ...message, state: 'pending', refusals: 0 }
    for (const { upload_id, media_id } of message.attachments ?? []) if (!media_id) uploads.retry(upload_id)
    this.#keep(again)
    this.#transmit([again])
  }

  discard(message: Unsent): void {
    for (const { upload_id } of message.attachments ?? []) uploads.release(upload_id)
    this.#outbox.remove(message.ref)
    this.#drop(message)
    for (const next of this.#following(message.ref)) {
      const further = waitingFor(next, message.after)
      this.#keep(further)
      this.#goOn(further)
    }
  }

  /** It waits no longer. */
  #drop({ chat_id, ref }: Unsent): void {
    const chat = this.#chats.get(chat_id)
    if (chat) chat.waiting = chat.waiting.filter((message) => message.ref !== ref)
  }

  /** The message goes without it; without anything left to say it does not go. */
  discardFile(message: Unsent, uploadId: string): void {
    const attachments = (message.attachments ?? []).filter(({ upload_id }) => upload_id !== uploadId)
    if (!attachments.length && !message.text) return this.discard(message)
    uploads.release(uploadId)
    const failed = attachments.some(({ upload_id }) => uploads.get(upload_id)?.state === 'failed')
    const rest: Unsent = { ...message, attachments, state: failed ? 'failed' : 'pending' }
    this.#keep(rest)
    this.#transmit([rest])
  }

  /** Whatever it is: the server is not told what is believed to be in it. */
  sendAsFile(message: Unsent, uploadId: string): void {
    const attachments = (message.attachments ?? []).map((attachment) =>
      attachment.upload_id === uploadId ? { ...attachment, as: 'file' as const, spoiler: false } : attachment,
    )
    this.#keep({ ...message, attachments, state: 'pending', refusals: 0 })
    uploads.retry(uploadId, true)
  }

  /** One is writing there. */
  typing(chatId: string, topicId: number | undefined): void {
    const [now, place] = [Date.now(), `${chatId}.${topicId}`]
    if (now - (this.#typedAt.get(place) ?? 0) < TYPING_EVERY_MS) return
    this.#typedAt.set(place, now)
    const topic = topicId === undefined ? {} : { topic_id: topicId }
    this.#realtime.send([{ type: 'typing', chat_id: chatId, ...topic }])
  }

  #neededUploads(): Set<string> {
    const waiting = this.#outbox.all().flatMap(({ attachments }) => attachments ?? [])
    return new Set([...waiting.map(({ upload_id }) => upload_id), ...trays.uploadIds()])
  }

  /** What this browser could not keep is named, so that it can be chosen again. */
  #missLost(): void {
    for (const { attachments } of this.#outbox.all())
      for (const attachment of attachments ?? [])
        if (!attachment.media_id) uploads.miss(attachment.upload_id, attachment)
    trays.forgetMissing()
  }

  /** A file is there, or can't be. */
  #uploaded(upload: Upload): void {
    for (const message of this.#outbox.all()) {
      if (!message.attachments?.some(({ upload_id }) => upload_id === upload.id)) continue
      if (upload.state === 'failed') this.#fail({ ...message, state: 'failed' })
      if (upload.state !== 'done') continue
      const further = withFile(message, upload.id, upload.mediaId!)
      this.#keep(further)
      if (further.state === 'pending') this.#transmit([further])
    }
  }

  #keep(message: Unsent): void {
    this.#outbox.put(message)
    const chat = this.#chats.get(message.chat_id)
    if (!chat) return
    const known = chat.waiting.some(({ ref }) => ref === message.ref)
    chat.waiting = known
      ? chat.waiting.map((other) => (other.ref === message.ref ? message : other))
      : [...chat.waiting, message]
  }

  /** What waits for its files goes when they are there. Only what goes at once says that all above it has been read. */
  #transmit(pending: readonly Unsent[], late = true): void {
    const unsent = this.#outbox.all()
    const going = pending.filter((message) => isWhole(message) && !mustWait(message, unsent))
    for (const message of going) if (message.post !== undefined) void this.#comment(message)
    const messages = going.filter(({ post }) => post === undefined)
    if (!messages.length) return
    this.#realtime.send(messages.map((message) => sendEvent(message, late)))
    if (!this.#realtime.online) return
    // A socket that swallowed a message is dead, even if the browser has not noticed.
    const refs = messages.map(({ ref }) => ref)
    setTimeout(() => this.#expectAcks(refs), ACK_WAIT_MS)
  }

  /** With a comment its writer may come into the group, so it is asked for. Without an answer it is asked for again. */
  async #comment(comment: Unsent): Promise<void> {
    const { chat_id, post, ref } = comment
    if (this.#asked.has(ref)) return
    this.#asked.add(ref)
    try {
      await writeComment(chat_id, post!, { ...contentOf(comment), ref })
      // Should it not be found for want of a network, the next news brings it.
      await this.#commented(comment).catch(() => {})
      this.#taken(comment)
    } catch (error) {
      if (error instanceof Problem && error.code !== 'offline') this.#refused(comment, error)
      // Without a network the next greeting asks again; nothing greets where it was this one answer that was lost.
      else if (this.#realtime.online) this.#transmitLater(ref, ACK_WAIT_MS)
    } finally {
      this.#asked.delete(ref)
    }
  }

  #refused({ ref }: Unsent, { code, retryAfterS }: Problem): void {
    const later = retryAfterS === undefined ? {} : { retry_after_ms: retryAfterS * 1000 }
    this.refused({ type: 'refused', ref, code, detail: '', ...later })
  }

  /** It stands in the log. */
  #taken(message: Unsent): void {
    this.#outbox.remove(message.ref)
    for (const { upload_id } of message.attachments ?? []) uploads.release(upload_id)
    this.#drop(message)
    this.#goOnAfter(message.ref)
  }

  #expectAcks(refs: string[]): void {
    const waiting = this.#pending().some(({ ref, refusals }) => refs.includes(ref) && refusals === 0)
    if (waiting && this.#realtime.online) this.#realtime.reconnect()
  }

  #pending(): Unsent[] {
    return this.#outbox.all().filter(({ state }) => state === 'pending')
  }

  /** What has come as an entry has been sent. One's own posts in a channel's name are marked as such. */
  acknowledge(entries: readonly Entry[]): readonly Entry[] {
    return entries.map((entry) => {
      const { sender_id, ref, chat_id } = entry
      // One's own post in a channel is the channel's word, and known by its reference.
      if (!ref || (sender_id !== this.#me && sender_id !== chat_id)) return entry
      // A comment that comes by its group is acknowledged by the answer to whoever asked for it.
      if (this.#asked.has(ref)) return entry
      this.#outbox.remove(ref)
      const acknowledged = this.#waiting(ref)
      if (acknowledged) this.#taken(acknowledged)
      return acknowledged && sender_id === chat_id ? { ...entry, mine: true } : entry
    })
  }

  #fail(message: Unsent): void {
    this.#keep(message)
    this.#goOnAfter(message.ref)
  }

  /** A comment waits in its channel, and comes by the group. */
  #waiting(ref: string): Unsent | undefined {
    return [...this.#chats.values()].flatMap(({ waiting }) => waiting).find((message) => message.ref === ref)
  }

  #following(ref: string): Unsent[] {
    return this.#outbox.all().filter(({ after }) => after === ref)
  }

  /** What waited for it goes now. */
  #goOnAfter(ref: string): void {
    for (const next of this.#following(ref)) this.#goOn(next)
  }

  /** Past what has failed. */
  #goOn(next: Unsent): void {
    if (next.state === 'pending') this.#transmit([next])
    else this.#goOnAfter(next.ref)
  }

  /** What was said while nobody listened, in order. */
  again(): void {
    const messages = this.#pending()
    if (messages.length) this.#transmit(messages)
  }

  refused(event: Extract<ServerEvent, { type: 'refused' }>): void {
    const message = this.#pending().find(({ ref }) => ref === event.ref)
    if (!message) return
    // A file that nobody referred to for a day is gone at the server, and may be here still.
    if (lacksMedia(event.code) && message.attachments?.length && message.refusals < REFUSALS_MAX)
      return this.#uploadAgain(message)
    const next = refuse(message, event.code)
    if (next.state === 'failed') return this.#fail(next)
    this.#keep(next)
    const waitMs = event.retry_after_ms ?? backoffMs(next.refusals + 2)
    this.#transmitLater(next.ref, waitMs)
  }

  #transmitLater(ref: string, waitMs: number): void {
    setTimeout(() => this.#transmit(this.#pending().filter((message) => message.ref === ref)), waitMs)
  }

  #uploadAgain(message: Unsent): void {
    this.#keep({ ...withoutFiles(message), refusals: message.refusals + 1 })
    for (const attachment of message.attachments ?? []) {
      uploads.miss(attachment.upload_id, attachment)
      uploads.again(attachment.upload_id)
    }
  }
}

function sendEvent(message: Unsent, late: boolean): ClientEvent {
  const { chat_id, ref, topic_id } = message
  return {
    type: 'send',
    chat_id,
    ref,
    ...contentOf(message),
    ...(topic_id ? { topic_id } : {}),
    ...(late ? { late } : {}),
  }
}

function contentOf(message: Unsent) {
  const { text, reply_to, quote, silent, without_preview } = message
  const attachments = given(message)
  return {
    text,
    ...(reply_to === undefined ? {} : { reply_to }),
    ...(quote ? { quote } : {}),
    ...(silent ? { silent } : {}),
    ...(without_preview ? { without_preview } : {}),
    ...(attachments.length ? { attachments } : {}),
  }
}
