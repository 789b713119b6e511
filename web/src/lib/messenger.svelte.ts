// All that one hears and does as a messenger of the person who is signed in: its parts, the chat that is open, and the
// events of the socket.
import { SvelteSet } from 'svelte/reactivity'
import { Acquaintances } from './acquaintances'
import { api, ok } from './api'
import { orSay } from './attempt.svelte'
import { Cache } from './cache'
import type { ChatModel } from './chat.svelte'
import { ChatList } from './chatList.svelte'
import { drafts } from './drafts.svelte'
import { hiddenPins } from './hiddenPins.svelte'
import { t } from './i18n.svelte'
import { erasePictures, keepPicturesOf } from './keptPictures'
import { WINDOW_MAX } from './log'
import { forgetLookalikes } from './lookalikes.svelte'
import { media } from './media'
import { unreadOf } from './mentions'
import { edit, react } from './messages'
import type { Arrangement } from './order'
import { ownFolders } from './ownFolders.svelte'
import { everyone, forgetPeople, meet, nameOf } from './people.svelte'
import { posts } from './posts.svelte'
import { presses } from './presses.svelte'
import { markOf, ReadMarks } from './readMarks'
import { Realtime } from './realtime.svelte'
import { recorder } from './recorder.svelte'
import { scheduled } from './scheduled.svelte'
import { Sending } from './sending'
import { session } from './session.svelte'
import { sounds } from './sounds.svelte'
import { isReadable } from './states'
import { changesChat, takesOut } from './summary'
import { Teller } from './teller'
import type { ThreadModel } from './thread.svelte'
import { GENERAL } from './topics'
import { GroupTopics, type TopicModel } from './topics.svelte'
import { trays } from './tray.svelte'
import type { Entry, Person, ServerEvent, Unsent } from './types'
import { ui } from './ui.svelte'
import { uploads } from './uploads.svelte'
import { waitingReports } from './waitingReports.svelte'

const LOADED_CHATS_MAX = 12
/** How much of its log a chat keeps while another one is open. */
const KEPT_ENTRIES = 200
const REMEMBER_EVERY_MS = 5000

export class Messenger {
  readonly me: string
  readonly realtime: Realtime
  readonly list: ChatList
  readonly sending: Sending
  readonly marks: ReadMarks
  readonly acquaintances = new Acquaintances()
  readonly online = new SvelteSet<string>()
  /** The comments that are being read. */
  thread: ThreadModel | undefined
  readonly #cache: Cache
  readonly #teller: Teller
  /** What this browser kept of unsent files is known. */
  #uploadsThere = Promise.resolve()
  #rememberTimer: ReturnType<typeof setInterval> | undefined
  #topics = new Map<string, GroupTopics>()
  #recent: string[] = []
  #greetedBefore = false

  constructor(me: string) {
    this.me = me
    this.realtime = new Realtime((events) => this.#receive(events))
    this.list = new ChatList(me, (chat) => this.sending.adopt(chat))
    this.sending = new Sending(me, this.list.chats, this.realtime, (comment) => this.#commented(comment))
    this.marks = new ReadMarks(this.list, this.#topics, this.realtime)
    this.#cache = new Cache(localStorage, me)
    this.#teller = new Teller(me, (group) => this.topicsOf(group))
  }

  get chats(): ReadonlyMap<string, ChatModel> {
    return this.list.chats
  }

  start(): void {
    this.#recall()
    addEventListener('pagehide', this.#remember)
    this.#rememberTimer = setInterval(this.#remember, REMEMBER_EVERY_MS)
    void this.loadFirst()
    this.realtime.start()
    uploads.arrived = ({ id }) => trays.hear(id)
    trays.changed = (chatKey) => drafts.keepFiles(chatKey)
    this.#uploadsThere = this.sending.startUploads()
    void keepPicturesOf(this.me).catch(() => {})
    void recorder.open(this.me)
  }

  stop(): void {
    removeEventListener('pagehide', this.#remember)
    clearInterval(this.#rememberTimer)
    this.realtime.stop()
    uploads.stop()
    recorder.close()
  }

  /** Erase what this browser kept for the person who signs out. */
  erase(): void {
    this.#cache.clear()
    forgetPeople()
    forgetLookalikes()
    this.sending.clear()
    trays.clear()
    uploads.clear()
    recorder.erase()
    sounds.clear()
    drafts.clear()
    hiddenPins.clear()
    ownFolders.clear()
    scheduled.clear()
    posts.clear()
    void erasePictures().catch(() => {})
  }

  // ---- Memory of this browser ------------------------------------------

  #recall(): void {
    const remembered = this.#cache.load()
    if (!remembered) return
    meet(remembered.people)
    for (const chat of remembered.chats) {
      const log = remembered.logs[chat.id]
      const model = this.list.put(chat)
      if (log?.length && !someAreGone(log, chat.vanish_after_s)) model.remember(log)
    }
    this.list.loaded = true
  }

  #remember = (): void => {
    if (!this.list.loaded) return
    const chats = this.list.sorted.map(({ summary }) => summary)
    const logs = Object.fromEntries(this.list.sorted.map((chat) => [chat.id, chat.remembered]))
    this.#cache.save({ chats, logs, people: everyone() })
  }

  // ---- The list --------------------------------------------------------

  async loadFirst(): Promise<void> {
    await this.list.loadFirst()
    const last = this.list.sorted.flatMap(({ summary }) => summary.last_entry ?? [])
    await this.acquaintances.meetSpeakers(last)
  }

  /** The chat is gone, by our own doing or not. */
  forget(chatId: string): void {
    this.list.chats.delete(chatId)
    this.#topics.delete(chatId)
    drafts.drop(chatId)
  }

  // ---- Opening ---------------------------------------------------------

  /** With `seq` at that message. */
  async open(chatId: string, seq?: number): Promise<void> {
    this.list.openId = chatId
    const chat = this.chats.get(chatId) ?? (await this.list.refresh(chatId))
    this.#evict(chatId)
    if (chat.summary.marked_unread) void this.arrange(chatId, { marked_unread: false }).catch(() => {})
    // Where one has stopped reading must be known before one is led there.
    if (chat.newest > chat.summary.seq) await this.list.refresh(chatId).catch(() => {})
    chat.unreadAfter = markOf(chat.summary)
    // A log that was kept is shown before this is known, at its end.
    if (chat.loaded && chat.unreadAfter && seq === undefined) chat.generation += 1
    if (chat.summary.topics) return this.topicsOf(chat).load()
    void chat.loadPins()
    await (seq === undefined ? chat.open() : chat.goTo(seq))
    if (chat.summary.kind === 'group' || chat.summary.signed) void this.acquaintances.meetMembers(chat)
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
    void this.acquaintances.meetMembers(group)
    return log
  }

  close(chatId: string): void {
    if (this.list.openId === chatId) this.list.openId = undefined
    const chat = this.chats.get(chatId)
    if (chat?.detached) chat.unload()
    else chat?.trim(Infinity, KEPT_ENTRIES)
  }

  /** A tab that is open for a week must not hold every chat it ever showed. */
  #evict(chatId: string): void {
    this.#recent = [chatId, ...this.#recent.filter((id) => id !== chatId)]
    for (const id of this.#recent.splice(LOADED_CHATS_MAX)) this.chats.get(id)?.unload()
  }

  // ---- Groups ----------------------------------------------------------

  async createDirect(userId: string): Promise<ChatModel> {
    return this.list.put(
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
    return this.list.put(await ok(api.POST('/v1/messaging/chats', { body: { kind: 'saved', members: [] } })))
  }

  async #create(
    kind: 'group' | 'channel',
    title: string,
    members: string[],
    ref: string,
  ): Promise<ChatModel> {
    return this.list.put(await ok(api.POST('/v1/messaging/chats', { body: { kind, title, members, ref } })))
  }

  async addMembers(chatId: string, userIds: string[]): Promise<void> {
    const params = { path: { chat_id: chatId } }
    this.list.put(
      await ok(api.POST('/v1/messaging/chats/{chat_id}/members', { params, body: { user_ids: userIds } })),
    )
  }

  async leave(chatId: string): Promise<void> {
    drafts.hold(chatId)
    const params = { path: { chat_id: chatId, user_id: this.me } }
    await ok(api.DELETE('/v1/messaging/chats/{chat_id}/members/{user_id}', { params }))
    this.forget(chatId)
  }

  /** Keep it so for oneself, on all devices. */
  async arrange(chatId: string, change: Arrangement): Promise<void> {
    const params = { path: { chat_id: chatId } }
    this.list.put(await ok(api.POST('/v1/messaging/chats/{chat_id}/order', { params, body: change })))
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

  /** Whoever looks at the thread sees it there before it waits no longer. */
  async #commented({ chat_id, post }: Unsent): Promise<void> {
    if (this.thread?.channel.id === chat_id && this.thread.post === post) await this.thread.refresh()
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
        return this.sending.refused(event)
      case 'read':
        return this.marks.hear(event)
      case 'draft':
        return void this.#uploadsThere.then(() => drafts.hear(event))
      case 'scheduled':
        if (event.failed) ui.say(t('schedule.failed_said'))
        return void scheduled.sync().catch(() => {})
      case 'folders':
        return ownFolders.hear(event.folders)
      case 'chat':
        if (event.gone) this.forget(event.chat_id)
        else void this.list.refresh(event.chat_id).catch(() => {})
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
      case 'purged':
        return ui.say(t('purge.done', { n: event.messages, name: nameOf(event.user_id) }))
      case 'typing':
        // That they are here is for the server to tell: they may keep it from us, and nobody would tell us that they went.
        if (event.user_id !== this.me) this.#typing(event)
        return
      case 'hidden':
        for (const log of this.#topics.get(event.chat_id)?.logs() ?? []) log.hide(event.seqs, event.hidden)
        if (this.thread?.id === event.chat_id) this.thread.hide(event.seqs, event.hidden)
        return this.chats.get(event.chat_id)?.hide(event.seqs, event.hidden)
      case 'mentioned':
        return this.#mentioned(event)
      case 'vote':
        for (const log of this.#topics.get(event.chat_id)?.logs() ?? []) log.knowVote(event.message)
        if (this.thread?.id === event.chat_id) this.thread.knowVote(event.message)
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

  #typing({ chat_id, user_id, topic_id }: Extract<ServerEvent, { type: 'typing' }>): void {
    const chat = this.chats.get(chat_id)
    if (!chat) return
    const isSeen =
      topic_id === undefined || !chat.summary.topics || this.topicsOf(chat).type(topic_id, user_id)
    if (isSeen) chat.startTyping(user_id)
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
    for (const [chatId, news] of Map.groupBy(entries, (entry) => entry.chat_id)) {
      const own = this.sending.acknowledge(news)
      const chat = this.chats.get(chatId)
      const iLeft = own.some((entry) => takesOut(entry) && entry.user_ids?.includes(this.me))
      const iCameBack = own.some((entry) => entry.kind === 'joined' && entry.user_ids?.includes(this.me))
      if (iLeft && !iCameBack) this.forget(chatId)
      else if (!chat || !chat.receive(own))
        void this.list
          .refresh(chatId)
          .then((fresh) => this.#teller.hear(fresh, own))
          .catch(() => {})
      else {
        void this.acquaintances.meetSpeakers(own)
        this.#topics.get(chatId)?.receive(own)
        if (this.thread?.id === chatId) this.thread.receive(own)
        this.#teller.hear(chat, own)
        const open = this.list.openId === chatId
        // What nobody looks at must not grow for ever.
        if (!open && chat.entries.length > WINDOW_MAX) chat.unload()
        if (own.some((entry) => changesChat(entry, chat.summary, this.me, open)))
          void this.list.refresh(chatId).catch(() => {})
      }
    }
  }

  async #greeted(hello: Extract<ServerEvent, { type: 'hello' }>): Promise<void> {
    this.online.clear()
    for (const id of hello.online) this.online.add(id)
    this.sending.again()
    this.marks.again()
    void this.#uploadsThere.then(() => drafts.sync()).catch(() => {})
    void ownFolders.sync().catch(() => {})
    void scheduled.sync().catch(() => {})
    const stale = new Set<string>()
    for (const [id, seq] of Object.entries(hello.chats)) {
      const chat = this.chats.get(id)
      if (chat && seq < chat.summary.seq) void this.#checkRewound(chat)
      // What has vanished meanwhile must not be shown when the chat is opened, be it for a moment.
      if (chat?.summary.vanish_after_s && chat.newest < seq && this.list.openId !== id) chat.unload()
      if (chat) chat.newest = Math.max(chat.newest, seq)
      if (chat ? chat.summary.seq < seq : this.list.cursor === null) stale.add(id)
    }
    if (this.list.loaded) for (const id of [...this.chats.keys()]) if (!(id in hello.chats)) this.forget(id)
    const open = this.list.openId ? this.chats.get(this.list.openId) : undefined
    const reconnected = this.#greetedBefore
    this.#greetedBefore = true
    if (open && !open.summary.topics) void this.#readOn(open, reconnected)
    for (const topics of this.#topics.values()) this.#catchUp(topics)
    if (!this.list.loaded) return this.loadFirst()
    // Read marks may have moved without a new entry, so a return looks at the top of the list anyway.
    if (reconnected || stale.size) await this.list.refreshTop(stale).catch(() => {})
  }

  /** The open chat after a time without news. */
  async #readOn(chat: ChatModel, reconnected: boolean): Promise<void> {
    // What another device has read meanwhile is not unread here.
    if (chat.newest > chat.summary.seq) await this.list.refresh(chat.id).catch(() => {})
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
    if (this.list.openId === chat.id) await chat.load()
  }
}

/** What has vanished meanwhile is not shown from this browser's memory. */
function someAreGone(log: readonly Entry[], vanishAfterS: number, now = Date.now()): boolean {
  if (!vanishAfterS) return false
  return log.some((entry) => isReadable(entry) && Date.parse(entry.at) + vanishAfterS * 1000 <= now)
}
