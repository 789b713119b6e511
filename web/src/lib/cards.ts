// Polls, places and people in messages: what the server is asked, and how a card reads in a line.
import { api, ok } from './api'
import type { ChatModel } from './chat.svelte'
import { covered } from './covering'
import { iconOfKind, lineOfFiles } from './files'
import { t } from './i18n.svelte'
import { nameOf } from './people.svelte'
import type { Entry, Location, NewPoll, Person, Unsent } from './types'

const ICONS = { poll: 'poll', location: 'place', contact: 'user' }

export interface How extends Where {
  ref: string
}

interface Where {
  reply_to?: number
  topic_id?: number
  post?: number
}

/** Where in the chat that takes it a message goes: into its topic, under its post, as an answer. */
export function whereIn(chat: ChatModel, replyTo: number | undefined): Where {
  return {
    ...(replyTo === undefined ? {} : { reply_to: replyTo }),
    ...(chat.topicId === undefined ? {} : { topic_id: chat.topicId }),
    ...(chat.post === undefined ? {} : { post: chat.post }),
  }
}

/** A message in a line of words, covered where its writer has covered it: in a list, a quote, a bar. */
export function lineOf(entry: Entry | Unsent | undefined): string {
  if (!entry) return ''
  const card = 'card' in entry ? entry.card : undefined
  const files = 'sender_id' in entry ? entry.attachments : undefined
  const text = covered(entry.text ?? '', 'entities' in entry ? entry.entities : undefined)
  if (files?.length) return lineOfFiles(files, text)
  if (card?.type === 'contact') return nameOf(card.user_id)
  return text || (card?.type === 'location' ? t('card.location') : '')
}

/** What stands before that line, of a message that is more than words. */
export function iconOfLine(entry: Entry | undefined): string | undefined {
  const [file] = entry?.attachments ?? []
  if (file) return iconOfKind(file)
  return entry?.card ? ICONS[entry.card.type] : undefined
}

function of({ chat_id, seq }: Entry) {
  return { params: { path: { chat_id, seq } } }
}

export async function sendPoll(chat_id: string, poll: NewPoll): Promise<void> {
  const params = { path: { chat_id } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/polls', { params, body: poll }))
}

export async function sendLocation(chat_id: string, place: Omit<Location, 'type'> & How): Promise<void> {
  const params = { path: { chat_id } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/locations', { params, body: place }))
}

export async function sendContact(chat_id: string, contact: { user_id: string } & How): Promise<void> {
  const params = { path: { chat_id } }
  await ok(api.POST('/v1/messaging/chats/{chat_id}/contacts', { params, body: contact }))
}

export async function vote(entry: Entry, chosen: number[]): Promise<Entry> {
  return ok(api.POST('/v1/messaging/chats/{chat_id}/messages/{seq}/vote', { ...of(entry), body: { chosen } }))
}

export async function closePoll(entry: Entry): Promise<Entry> {
  return ok(api.POST('/v1/messaging/chats/{chat_id}/messages/{seq}/close', { ...of(entry), body: {} }))
}

/** A page of those who chose an option, the newest first. */
export async function votersOf(
  entry: Entry,
  option: number,
  cursor: string,
): Promise<{ people: Person[]; cursor: string }> {
  const params = { ...of(entry).params, query: { option, cursor } }
  const page = await ok(api.GET('/v1/messaging/chats/{chat_id}/messages/{seq}/voters', { params }))
  return { people: page.voters.map(({ person }) => person), cursor: page.next_cursor ?? '' }
}
