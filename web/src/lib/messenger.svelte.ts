// All chats of the person who is signed in: the list, the events of the socket, sending and read marks.
import { SvelteMap, SvelteSet } from 'svelte/reactivity'
import { api, ok } from './api'
import { orSay } from './attempt.svelte'
import { backoffMs } from './backoff'
import { Cache } from './cache'
import { ChatModel } from './chat.svelte'
import { drafts } from './drafts.svelte'
import { t } from './i18n.svelte'
import { edit, react } from './messages'
import { given, isWhole, lacksMedia, withFile, withoutFiles } from './outgoing'
import { KNOWN_MAX, unreadOf } from './mentions'
import { WINDOW_MAX } from './log'
import { newRef, Outbox, refuse, REFUSALS_MAX } from './outbox'
import { forgetLookalikes } from './lookalikes.svelte'
import { everyone, forgetPeople, knows, meet, meetChat } from './people.svelte'
import { personNow } from './persons'
import { clearRead } from './notifications'
import { posts } from './posts.svelte'
import { media } from './media'
import { presses } from './presses.svelte'
import { scheduled } from './scheduled.svelte'
import { session } from './session.svelte'
import { Realtime } from './realtime.svelte'
import { ownFolders } from './ownFolders.svelte'
import { before, isMuted, isUnread, type Arrangement } from './order'
import { sounds } from './sounds.svelte'
import { isReadable } from './states'
import { changesChat, takesOut } from './summary'
import { Teller } from './teller'
import type { Chat, ClientEvent, Entry, Person, ServerEvent, Unsent, UnsentAttachment } from './types'
import type { ThreadModel } from './thread.svelte'
import { GENERAL } from './topics'
import { GroupTopics, type TopicModel } from './topics.svelte'
import { trays } from './tray.svelte'
import { ui } from './ui.svelte'
import { uploads, type Upload } from './uploads.svelte'
import { waitingReports } from './waitingReports.svelte'

const LIST_PAGE = 100
const LIST_PAGES_MAX = 20
const MEMBERS_PAGE = 200
const MEMBERS_PAGES_MAX = 5
/** More strangers than this at once are met when their next entries come. */
const STRANGERS_MAX = 20
const LOADED_CHATS_MAX = 12
/** How much of its log a chat keeps while another one is open. */
const KEPT_ENTRIES = 200
const ACK_WAIT_MS = 10_000
const TYPING_EVERY_MS = 3000
const REMEMBER_EVERY_MS = 5000
/** The mark is at the server by then. */
const MORE_MENTIONS_MS = 1000

export class Messenger {
  readonly me: string
  readonly realtime: Realtime
  readonly online = new SvelteSet<string>()
  loaded = $state(false)
  /** The list could not be loaded and there is nothing to show. */
  failed = $state(false)
  cursor = $state<string | null>(null)
  openId = $state<string>()
  /** The comments that are being read. */
  thread: ThreadModel | undefined
  chats = new SvelteMap<string, ChatModel>()
  sorted = $derived([...this.chats.values()].sort((a, b) => before(a.summary, b.summary)))
  unreadChats = $derived(
    this.sorted.filter(({ summary }) => isUnread(summary) && !summary.archived && !isMuted(summary)).length,
  )
  unreadMessages = $derived(
    this.sorted.reduce((sum, { summary }) => sum + (isMuted(summary) ? 0 : summary.unread), 0),
  )
  readonly #outbox: Outbox
  readonly #cache: Cache
  readonly #teller: Teller
  /** What this browser kept of unsent files is known. */
  #uploadsThere = Promise.resolve()
  #rememberTimer: ReturnType<typeof setInterval> | undefined
  /** Read marks that the server has not confirmed, by the chat or topic. */
  #marks = new Map<string, Mark>()
  #topics = new Map<string, GroupTopics>()
  #typedAt = new Map<string, number>()
  #recent: string[] = []
  #first: Promise<boolean> | undefined
  #pages: Promise<void> | undefined
  #greetedBefore = false
  /** Ids whose names we have asked for once; whoever left long ago stays nameless. */
  #asked = new Set<string>()

  constructor(me: string) {
    this.me = me
    this.#outbox = new Outbox(localStorage, me)
    this.#cache = new Cache(localStorage, me)
    this.#teller = new Teller(me, (group) => this.topicsOf(group))
    this.realtime = new Realtime((events) => this.#receive(events))
  }

  start(): void {
    this.#recall()
    addEventListener('pagehide', this.#remember)
    this.#rememberTimer = setInterval(this.#remember, REMEMBER_EVERY_MS)
    void this.loadFirst()
    this.realtime.start()
    uploads.settled = (upload) => this.#uploaded(upload)
    uploads.arrived = ({ id }) => trays.hear(id)
    trays.changed = (chatKey) => drafts.keepFiles(chatKey)
    this.#uploadsThere = uploads.start(this.me, () => this.#neededUploads()).then(() => this.#missLost())
  }

  stop(): void {
    removeEventListener('pagehide', this.#remember)
    clearInterval(this.#rememberTimer)
    this.realtime.stop()
    uploads.stop()
  }

  /** Erase what this browser kept for the person who signs out. */
  erase(): void {
    this.#cache.clear()
    forgetPeople()
    forgetLookalikes()
    this.#outbox.clear()
    trays.clear()
    uploads.clear()
    sounds.clear()
    drafts.clear()
    ownFolders.clear()
    scheduled.clear()
    posts.clear()
  }

  get unsentCount(): number {
    return this.#outbox.all().length
  }

  // ---- Memory of this browser ------------------------------------------

  #recall(): void {
    const remembered = this.#cache.load()
    if (!remembered) return
    meet(remembered.people)
    for (const chat of remembered.chats) {
      const log = remembered.logs[chat.id]
      const model = this.#put(chat)
      if (log?.length && !someAreGone(log, chat.vanish_after_s)) model.remember(log)
    }
    this.loaded = true
  }

  #remember = (): void => {
    if (!this.loaded) return
    const chats = this.sorted.map(({ summary }) => summary)
    const logs = Object.fromEntries(this.sorted.map((chat) => [chat.id, chat.remembered]))
    this.#cache.save({ chats, logs, people: everyone() })
  }

  // ---- The list --------------------------------------------------------

  async loadFirst(): Promise<void> {
    this.#first ??= this.#loadPage(null)
      .then(() => (this.loaded = true))
      .catch(() => false)
      .finally(() => (this.#first = undefined))
    this.failed = !(await this.#first) && !this.loaded
    await this.#meetAll(this.#strangers(this.sorted.flatMap(({ summary }) => summary.last_entry ?? [])))
  }

  /** Every chat, page by page: whoever chooses among them has to see them all. */
  async loadAll(): Promise<void> {
    for (let cursor: string | null = ''; this.cursor !== null && this.cursor !== cursor;) {
      cursor = this.cursor
      await this.loadMore()
    }
  }

  /** The next page of older chats; false at the end. */
  async loadMore(): Promise<void> {
    if (!this.loaded || this.cursor === null) return
    this.#pages ??= this.#loadPage(this.cursor)
      .then(() => undefined)
      .catch(() => undefined)
      .finally(() => (this.#pages = undefined))
    await this.#pages
  }

  async #loadPage(cursor: string | null): Promise<Chat[]> {
    const query = { limit: LIST_PAGE, ...(cursor ? { cursor } : {}) }
    const page = await ok(api.GET('/v1/messaging/chats', { params: { query } }))
    for (const chat of page.chats) this.#put(chat)
    this.cursor = page.next_cursor ?? null
    return page.chats
  }

  /** Fetch the top of the list until every chat of which the server named newer entries is current. */
  async #refreshTop(stale: Set<string>): Promise<void> {
    const tail = this.cursor
    const deepest = this.sorted.length
    let seen = 0
    let cursor: string | null = null
    for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
      const chats: Chat[] = await this.#loadPage(cursor)
      cursor = this.cursor
      seen += chats.length
      for (const { id } of chats) stale.delete(id)
      if (stale.size === 0 || cursor === null) break
    }
    // We only went over the top again: the way to the rest of the list is as before.
    if (seen < deepest) this.cursor = tail
  }

  #put(fetched: Chat): ChatModel {
    meet(fetched.people)
    meetChat(fetched)
    // What is posted in a channel is the channel's own word.
    if (fetched.kind === 'channel')
      meet([{ id: fetched.id, username: fetched.name, display_name: fetched.title, avatar_colour: null }])
    let chat = this.chats.get(fetched.id)
    if (chat) {
      if (chat.loaded && fetched.hidden !== chat.summary.hidden) void this.#forgetHidden(chat)
      chat.update(fetched)
    } else {
      chat = new ChatModel(fetched, this.me)
      chat.unsent = this.#outbox.all().filter(({ chat_id }) => chat_id === fetched.id)
      this.chats.set(fetched.id, chat)
    }
    return chat
  }

  /** Another device has deleted messages for oneself meanwhile: what is here of the log may still hold them. */
  async #forgetHidden(chat: ChatModel): Promise<void> {
    chat.unload()
    if (this.openId === chat.id) await chat.load()
  }

  async refreshChat(chatId: string): Promise<ChatModel> {
    return this.#put(
      await ok(api.GET('/v1/messaging/chats/{chat_id}', { params: { path: { chat_id: chatId } } })),
    )
  }

  #remove(chatId: string): void {
    this.chats.delete(chatId)
    this.#topics.delete(chatId)
    drafts.drop(chatId)
  }

  // ---- Opening ---------------------------------------------------------

  /** With `seq` at that message. */
  async open(chatId: string, seq?: number): Promise<void> {
    this.openId = chatId
    const chat = this.chats.get(chatId) ?? (await this.refreshChat(chatId))
    this.#evict(chatId)
    if (chat.summary.marked_unread) void this.arrange(chatId, { marked_unread: false }).catch(() => {})
    // Where one has stopped reading must be known before one is led there.
    if (chat.newest > chat.summary.seq) await this.refreshChat(chatId).catch(() => {})
    chat.unreadAfter = markOf(chat.summary)
    // A log that was kept is shown before this is known, at its end.
    if (chat.loaded && chat.unreadAfter && seq === undefined) chat.generation += 1
    if (chat.summary.topics) return this.topicsOf(chat).load()
    void chat.loadPins()
    await (seq === undefined ? chat.open() : chat.goTo(seq))
    if (chat.summary.kind === 'group' || chat.summary.signed) void this.#meetMembers(chat)
  }

  /** The group's topics, which are loaded when it is opened. */
  topicsOf(group: ChatModel): GroupTopics {
    const known = this.#topics.get(group.id) ?? new GroupTopics(group, this.me)
    this.#topics.set(group.id, known)
    return known
  }

  /** With `seq` at that message; undefined when there is no such topic. */
  async openTopic(group: ChatModel, topicId: number, seq?: number): Promise<TopicModel | undefined> {
    const topics = this.topicsOf(group)
    if (!topics.find(topicId)) await topics.load()
    const topic = topics.find(topicId)
    if (!topic) return undefined
    const log = topics.log(topic)
    log.unreadAfter = markOf(topic)
    void log.loadPins()
    if (seq !== undefined) void orSay(() => log.goTo(seq))
    else void log.open()
    void this.#meetMembers(group)
    return log
  }

  close(chatId: string): void {
    if (this.openId === chatId) this.openId = undefined
    const chat = this.chats.get(chatId)
    if (chat?.detached) chat.unload()
    else chat?.trim(true, KEPT_ENTRIES)
  }

  /** A tab that is open for a week must not hold every chat it ever showed. */
  #evict(chatId: string): void {
    this.#recent = [chatId, ...this.#recent.filter((id) => id !== chatId)]
    for (const id of this.#recent.splice(LOADED_CHATS_MAX)) this.chats.get(id)?.unload()
  }

  // ---- Groups ----------------------------------------------------------

  async createDirect(userId: string): Promise<ChatModel> {
    return this.#put(
      await ok(api.POST('/v1/messaging/chats', { body: { kind: 'direct', members: [userId] } })),
    )
  }

  async createGroup(title: string, userIds: string[], ref: string): Promise<ChatModel> {
    return this.#create('group', title, userIds, ref)
  }

  async createChannel(title: string, ref: string): Promise<ChatModel> {
    return this.#create('channel', title, [], ref)
  }

  /** The chat with oneself. */
  async openSaved(): Promise<ChatModel> {
    return this.#put(await ok(api.POST('/v1/messaging/chats', { body: { kind: 'saved', members: [] } })))
  }

  async #create(
    kind: 'group' | 'channel',
    title: string,
    members: string[],
    ref: string,
  ): Promise<ChatModel> {
    return this.#put(await ok(api.POST('/v1/messaging/chats', { body: { kind, title, members, ref } })))
  }

  async addMembers(chatId: string, userIds: string[]): Promise<void> {
    const params = { path: { chat_id: chatId } }
    this.#put(
      await ok(api.POST('/v1/messaging/chats/{chat_id}/members', { params, body: { user_ids: userIds } })),
    )
  }

  async leave(chatId: string): Promise<void> {
    drafts.hold(chatId)
    const params = { path: { chat_id: chatId, user_id: this.me } }
    await ok(api.DELETE('/v1/messaging/chats/{chat_id}/members/{user_id}', { params }))
    this.#remove(chatId)
  }

  async #meetMembers(chat: ChatModel): Promise<void> {
    const { members_count, people } = chat.summary
    // Large and hidden ones name nobody: whoever speaks is met then.
    if (people.length && members_count > people.length) await this.members(chat.id).catch(() => [])
    await this.#meetAll(this.#strangers(chat.entries))
  }

  /** Somebody whom a message names. */
  async meetPerson(id: string): Promise<void> {
    if (knows(id) || this.#asked.has(id)) return
    this.#asked.add(id)
    await this.#meetAll([id])
  }

  /** Whoever has left a group is not among its members. */
  async #meetAll(ids: readonly string[]): Promise<void> {
    for (const answer of await Promise.allSettled(ids.map(personNow)))
      if (answer.status === 'fulfilled') meet([answer.value])
  }

  /** Keep it so for oneself, on all devices. */
  async arrange(chatId: string, change: Arrangement): Promise<void> {
    const params = { path: { chat_id: chatId } }
    this.#put(await ok(api.POST('/v1/messaging/chats/{chat_id}/order', { params, body: change })))
  }

  /** The chat is gone by our own doing. */
  forget(chatId: string): void {
    this.#remove(chatId)
  }

  async members(chatId: string): Promise<Person[]> {
    const members: Person[] = []
    let cursor: string | null = null
    for (let page = 0; page < MEMBERS_PAGES_MAX; page += 1) {
      const query: { limit: number; cursor?: string } = { limit: MEMBERS_PAGE, ...(cursor ? { cursor } : {}) }
      const params = { path: { chat_id: chatId }, query }
      const answer = await ok(api.GET('/v1/messaging/chats/{chat_id}/members', { params }))
      members.push(...answer.members)
      cursor = answer.next_cursor ?? null
      if (cursor === null) break
    }
    meet(members)
    return members
  }

  // ---- What is done with messages --------------------------------------

  /** It shows at once; should the server refuse, what it says counts. */
  async react(chat: ChatModel, seq: number, emoji: string, mine: boolean): Promise<void> {
    const entry = chat.at(seq)
    if (!entry) return
    chat.react(seq, emoji, mine)
    try {
      await react(entry, emoji, mine)
    } catch (error) {
      chat.react(seq, emoji, !mine)
      throw error
    }
  }

  async edit(chat: ChatModel, entry: Entry, text: string): Promise<void> {
    chat.know(await edit(entry, text))
  }

  // ---- Sending ---------------------------------------------------------

  /** The bubble is there at once; the message stays in the outbox until its own entry arrives. */
  send(chatId: string, text: string, how: SendHow = {}): void {
    const message: Unsent = {
      chat_id: chatId,
      ref: newRef(),
      text,
      at: new Date().toISOString(),
      state: 'pending',
      refusals: 0,
      ...(how.replyTo === undefined ? {} : { reply_to: how.replyTo }),
      ...(how.quote ? { quote: how.quote } : {}),
      ...(how.silent ? { silent: true } : {}),
      ...(how.topicId ? { topic_id: how.topicId } : {}),
      ...(how.withoutPreview ? { without_preview: true } : {}),
      ...(how.attachments?.length ? { attachments: how.attachments } : {}),
    }
    this.#keep(message)
    this.#transmit([message], false)
    // One that failed while it lay ready fails its message too.
    for (const { upload_id } of message.attachments ?? []) {
      const upload = uploads.get(upload_id)
      if (upload?.state === 'failed') this.#uploaded(upload)
    }
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
    const chat = this.chats.get(message.chat_id)
    if (chat) chat.unsent = chat.unsent.filter(({ ref }) => ref !== message.ref)
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
      if (upload.state === 'failed') this.#keep({ ...message, state: 'failed' })
      if (upload.state !== 'done') continue
      const further = withFile(message, upload.id, upload.mediaId!)
      this.#keep(further)
      if (further.state === 'pending') this.#transmit([further])
    }
  }

  typing(chatId: string): void {
    const now = Date.now()
    if (now - (this.#typedAt.get(chatId) ?? 0) < TYPING_EVERY_MS) return
    this.#typedAt.set(chatId, now)
    this.realtime.send([{ type: 'typing', chat_id: chatId }])
  }

  markRead(chat: ChatModel, seq: number): void {
    const known = chat.summary.mentions?.length ?? 0
    if (!chat.markRead(seq)) return
    const { topicId } = chat
    // There may be more than were known.
    if (known >= KNOWN_MAX && !chat.summary.mentions?.length)
      setTimeout(() => {
        void this.refreshChat(chat.id).catch(() => {})
        this.#topics.get(chat.id)?.refresh()
      }, MORE_MENTIONS_MS)
    if (topicId !== undefined) this.#topics.get(chat.id)?.marked(chat as TopicModel)
    const mark: Mark = { chat_id: chat.id, seq, ...(topicId === undefined ? {} : { topic_id: topicId }) }
    this.#marks.set(markKey(mark), mark)
    this.realtime.send([{ type: 'read', ...mark }])
  }

  #keep(message: Unsent): void {
    this.#outbox.put(message)
    const chat = this.chats.get(message.chat_id)
    if (!chat) return
    const known = chat.unsent.some(({ ref }) => ref === message.ref)
    chat.unsent = known
      ? chat.unsent.map((other) => (other.ref === message.ref ? message : other))
      : [...chat.unsent, message]
  }

  /** What waits for its files goes when they are there. Only what goes at once says that all above it has been read. */
  #transmit(pending: readonly Unsent[], late = true): void {
    const messages = pending.filter(isWhole)
    if (!messages.length) return
    this.realtime.send(messages.map((message) => sendEvent(message, late)))
    if (!this.realtime.online) return
    // A socket that swallowed a message is dead, even if the browser has not noticed.
    const refs = messages.map(({ ref }) => ref)
    setTimeout(() => this.#expectAcks(refs), ACK_WAIT_MS)
  }

  #expectAcks(refs: string[]): void {
    const waiting = this.#pending().some(({ ref, refusals }) => refs.includes(ref) && refusals === 0)
    if (waiting && this.realtime.online) this.realtime.reconnect()
  }

  #pending(): Unsent[] {
    return this.#outbox.all().filter(({ state }) => state === 'pending')
  }

  // ---- Events ----------------------------------------------------------

  #receive(events: ServerEvent[]): void {
    let entries: Entry[] = []
    for (const event of events) {
      if (event.type === 'entry') {
        entries.push(event)
        continue
      }
      this.#receiveEntries(entries)
      entries = []
      this.#receiveSignal(event)
    }
    this.#receiveEntries(entries)
  }

  #receiveSignal(event: Exclude<ServerEvent, { type: 'entry' }>): void {
    switch (event.type) {
      case 'hello':
        void waitingReports.refresh()
        return void this.#greeted(event)
      case 'refused':
        return this.#refused(event)
      case 'read':
        return this.#read(event)
      case 'draft':
        return void this.#uploadsThere.then(() => drafts.hear(event))
      case 'scheduled':
        if (event.failed) ui.say(t('schedule.failed_said'))
        return void scheduled.sync().catch(() => {})
      case 'folders':
        return ownFolders.hear(event.folders)
      case 'chat':
        if (event.gone) this.#remove(event.chat_id)
        else void this.refreshChat(event.chat_id).catch(() => {})
        // What one may do in a topic may be what is different.
        this.#topics.get(event.chat_id)?.refresh()
        return
      case 'media':
        return media.heard(event)
      case 'callback_answer':
        return presses.answered(event.callback_id, event.text)
      case 'reports':
        return void waitingReports.refresh()
      case 'report':
        return ui.say(t(event.acted ? 'report.acted_said' : 'report.dismissed_said'))
      case 'typing':
        if (event.user_id !== this.me) this.#typing(event.chat_id, event.user_id)
        return
      case 'hidden':
        for (const log of this.#topics.get(event.chat_id)?.logs() ?? []) log.hide(event.seqs, event.hidden)
        if (this.thread?.id === event.chat_id) this.thread.hide(event.seqs, event.hidden)
        return this.chats.get(event.chat_id)?.hide(event.seqs, event.hidden)
      case 'mentioned':
        return this.#mentioned(event)
      case 'vote':
        return this.chats.get(event.chat_id)?.knowVote(event.message)
      case 'posts':
        return posts.hear(event.chat_id, event.posts)
      case 'person':
        return this.#know(event.person)
      case 'presence':
        if (event.online) this.online.add(event.user_id)
        else this.online.delete(event.user_id)
    }
  }

  #mentioned({ chat_id, seqs, topic_id, gone = false }: Extract<ServerEvent, { type: 'mentioned' }>): void {
    const chat = this.chats.get(chat_id)
    const topics = this.#topics.get(chat_id)
    topics?.hearMentions(topic_id ?? GENERAL, seqs, gone)
    // What was read in its topic before this was heard is none.
    const readSeq = topics?.find(topic_id ?? GENERAL)?.read_seq ?? 0
    if (chat && !gone) this.#teller.hearMentions(chat, unreadOf(seqs, readSeq))
    chat?.hearMentions(gone ? seqs : unreadOf(seqs, readSeq), gone)
  }

  /** Somebody is shown otherwise from now on; oneself, when it was changed on another device. */
  #know(person: Person): void {
    meet([person])
    const { user } = session
    if (user?.id !== person.id) return
    const { display_name, avatar_colour, avatar } = person
    session.keep({
      ...user,
      display_name,
      avatar_colour: avatar_colour ?? null,
      avatar: avatar ?? null,
    })
  }

  #receiveEntries(entries: readonly Entry[]): void {
    for (const [chatId, own] of Map.groupBy(entries, (entry) => entry.chat_id)) {
      this.#acknowledge(own)
      const chat = this.chats.get(chatId)
      const iLeft = own.some((entry) => takesOut(entry) && entry.user_ids?.includes(this.me))
      const iCameBack = own.some((entry) => entry.kind === 'joined' && entry.user_ids?.includes(this.me))
      if (iLeft && !iCameBack) this.#remove(chatId)
      else if (!chat || !chat.receive(own))
        void this.refreshChat(chatId)
          .then((fresh) => this.#teller.hear(fresh, own))
          .catch(() => {})
      else {
        void this.#meetAll(this.#strangers(own))
        this.#topics.get(chatId)?.receive(own)
        if (this.thread?.id === chatId) this.thread.receive(own)
        this.#teller.hear(chat, own)
        const open = this.openId === chatId
        // What nobody looks at must not grow for ever.
        if (!open && chat.entries.length > WINDOW_MAX) chat.unload()
        if (own.some((entry) => changesChat(entry, chat.summary, this.me, open)))
          void this.refreshChat(chatId).catch(() => {})
      }
    }
  }

  #strangers(entries: readonly Entry[]): string[] {
    const ids = new Set(
      entries.flatMap((entry) => [
        // What is the chat's own word, or a webhook's, is nobody's.
        ...(entry.sender_id === entry.chat_id || entry.webhook ? [] : [entry.sender_id]),
        ...(entry.user_ids ?? []),
        ...(entry.forward?.sender_id ? [entry.forward.sender_id] : []),
        ...(entry.card?.type === 'contact' ? [entry.card.user_id] : []),
      ]),
    )
    const strangers = [...ids].filter((id) => !knows(id) && !this.#asked.has(id)).slice(0, STRANGERS_MAX)
    for (const id of strangers) this.#asked.add(id)
    return strangers
  }

  #acknowledge(entries: readonly Entry[]): void {
    for (const { sender_id, ref, chat_id } of entries) {
      // One's own post in a channel is the channel's word, and known by its reference.
      if (!ref || (sender_id !== this.me && sender_id !== chat_id)) continue
      this.#outbox.remove(ref)
      const chat = this.chats.get(chat_id)
      const acknowledged = chat?.unsent.find((message) => message.ref === ref)
      for (const { upload_id } of acknowledged?.attachments ?? []) uploads.release(upload_id)
      if (chat && acknowledged) {
        chat.unsent = chat.unsent.filter((message) => message.ref !== ref)
      }
    }
  }

  async #greeted(hello: Extract<ServerEvent, { type: 'hello' }>): Promise<void> {
    this.online.clear()
    for (const id of hello.online) this.online.add(id)
    this.#resend()
    void this.#uploadsThere.then(() => drafts.sync()).catch(() => {})
    void ownFolders.sync().catch(() => {})
    void scheduled.sync().catch(() => {})
    const stale = new Set<string>()
    for (const [id, seq] of Object.entries(hello.chats)) {
      const chat = this.chats.get(id)
      if (chat && seq < chat.summary.seq) void this.#checkRewound(chat)
      // What has vanished meanwhile must not be shown when the chat is opened, be it for a moment.
      if (chat?.summary.vanish_after_s && chat.newest < seq && this.openId !== id) chat.unload()
      if (chat) chat.newest = Math.max(chat.newest, seq)
      if (chat ? chat.summary.seq < seq : this.cursor === null) stale.add(id)
    }
    if (this.loaded) for (const id of [...this.chats.keys()]) if (!(id in hello.chats)) this.#remove(id)
    const open = this.openId ? this.chats.get(this.openId) : undefined
    const reconnected = this.#greetedBefore
    this.#greetedBefore = true
    if (open && !open.summary.topics) void this.#readOn(open, reconnected)
    for (const topics of this.#topics.values()) this.#catchUp(topics)
    if (!this.loaded) return this.loadFirst()
    // Read marks may have moved without a new entry, so a return looks at the top of the list anyway.
    if (reconnected || stale.size) await this.#refreshTop(stale).catch(() => {})
  }

  /** The open chat after a time without news. */
  async #readOn(chat: ChatModel, reconnected: boolean): Promise<void> {
    // What another device has read meanwhile is not unread here.
    if (chat.newest > chat.summary.seq) await this.refreshChat(chat.id).catch(() => {})
    if (reconnected && chat.loaded) return chat.fill()
    // What this browser remembered is no place at which anybody reads: they are led to where they have stopped.
    if (!chat.detached) chat.unreadAfter ??= markOf(chat.summary)
    await chat.open()
  }

  /** What was said in topics while nobody listened. */
  #catchUp(topics: GroupTopics): void {
    topics.refresh()
    for (const log of topics.logs()) {
      log.newest = Math.max(log.newest, topics.group.newest)
      void log.fill()
    }
  }

  /** A server that was restored from a backup knows less than we do; then we forget what it forgot. */
  async #checkRewound(chat: ChatModel): Promise<void> {
    const known = chat.summary.seq
    const params = { path: { chat_id: chat.id } }
    const fetched = await ok(api.GET('/v1/messaging/chats/{chat_id}', { params })).catch(() => undefined)
    if (!fetched || fetched.seq >= known) return
    chat.rewind(fetched)
    if (this.openId === chat.id) await chat.load()
  }

  /** What was said while nobody listened: messages in order, then read marks. */
  #resend(): void {
    const messages = this.#pending()
    if (messages.length) this.#transmit(messages)
    const marks = [...this.#marks.values()].map((mark): ClientEvent => ({ type: 'read', ...mark }))
    if (marks.length) this.realtime.send(marks)
  }

  #refused(event: Extract<ServerEvent, { type: 'refused' }>): void {
    const message = this.#pending().find(({ ref }) => ref === event.ref)
    if (!message) return
    // A file that nobody referred to for a day is gone at the server, and may be here still.
    if (lacksMedia(event.code) && message.attachments?.length && message.refusals < REFUSALS_MAX)
      return this.#uploadAgain(message)
    const next = refuse(message, event.code)
    this.#keep(next)
    if (next.state === 'failed') return
    const waitMs = event.retry_after_ms ?? backoffMs(next.refusals + 2)
    setTimeout(() => this.#transmit(this.#pending().filter(({ ref }) => ref === next.ref)), waitMs)
  }

  #uploadAgain(message: Unsent): void {
    this.#keep({ ...withoutFiles(message), refusals: message.refusals + 1 })
    for (const attachment of message.attachments ?? []) {
      uploads.miss(attachment.upload_id, attachment)
      uploads.again(attachment.upload_id)
    }
  }

  #typing(chatId: string, userId: string): void {
    // That they are here is for the server to tell: they may keep it from us, and nobody would tell us that they went.
    this.chats.get(chatId)?.startTyping(userId)
  }

  #read(event: Extract<ServerEvent, { type: 'read' }>): void {
    const { chat_id, user_id, seq, topic_id } = event
    const chat = this.chats.get(chat_id)
    const topics = this.#topics.get(chat_id)
    const mine = user_id === this.me
    const waiting = this.#marks.get(markKey(event))
    if (mine && waiting && waiting.seq <= seq) this.#marks.delete(markKey(event))
    // One's own mark of this very window changes nothing here.
    const known = topic_id === undefined ? undefined : topics?.find(topic_id)
    if (!mine || !known || known.read_seq < seq) topics?.read(topic_id, seq, mine)
    if (topic_id !== undefined) {
      if (mine && (!known || known.read_seq < seq)) void this.refreshChat(chat_id).catch(() => {})
      // A notification does not say of which topic it is.
      else if (mine && chat?.summary.unread === 0) void clearRead(chat_id, chat.summary.seq).catch(() => {})
      return
    }
    if (!mine) return chat?.markReadByOthers(seq)
    chat?.markRead(seq)
    void clearRead(chat_id, seq).catch(() => {})
  }
}

interface SendHow {
  replyTo?: number
  quote?: string
  silent?: boolean
  topicId?: number
  withoutPreview?: boolean
  attachments?: UnsentAttachment[]
}

interface Mark {
  chat_id: string
  topic_id?: number
  seq: number
}

/** After what the divider stands, if anything is unread. */
function markOf({ unread, read_seq }: { unread: number; read_seq: number }): number | undefined {
  return unread ? read_seq : undefined
}

function markKey({ chat_id, topic_id }: { chat_id: string; topic_id?: number }): string {
  return topic_id === undefined ? chat_id : `${chat_id}.${topic_id}`
}

/** What has vanished meanwhile is not shown from this browser's memory. */
function someAreGone(log: readonly Entry[], vanishAfterS: number, now = Date.now()): boolean {
  if (!vanishAfterS) return false
  return log.some((entry) => isReadable(entry) && Date.parse(entry.at) + vanishAfterS * 1000 <= now)
}

function sendEvent(message: Unsent, late: boolean): ClientEvent {
  const { chat_id, ref, text, reply_to, quote, silent, topic_id, without_preview } = message
  const attachments = given(message)
  return {
    type: 'send',
    chat_id,
    ref,
    text,
    ...(reply_to === undefined ? {} : { reply_to }),
    ...(quote ? { quote } : {}),
    ...(silent ? { silent } : {}),
    ...(topic_id ? { topic_id } : {}),
    ...(without_preview ? { without_preview } : {}),
    ...(attachments.length ? { attachments } : {}),
    ...(late ? { late } : {}),
  }
}
