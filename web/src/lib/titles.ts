// What a chat is called by the person who looks at it.
import { t } from './i18n.svelte'
import { nameOf } from './people.svelte'
import { GENERAL } from './topics'
import type { Chat, Person, Topic } from './types'

/** The other person of a direct chat; oneself in a chat with oneself. */
export function companion(chat: Chat, me: string): Person | undefined {
  if (chat.kind !== 'direct') return undefined
  return chat.people.find((person) => person.id !== me) ?? chat.people[0]
}

export function titleOf(chat: Chat, me: string): string {
  if (chat.kind === 'saved') return t('chats.saved')
  if (chat.kind !== 'direct') return chat.title
  const other = companion(chat, me)
  return other ? nameOf(other.id) : ''
}

/** The id that colours the avatar: the person's, or the group's own. */
export function faceOf(chat: Chat, me: string): string {
  return companion(chat, me)?.id ?? chat.id
}

export function topicName({ id, title }: Pick<Topic, 'id' | 'title'>): string {
  return id === GENERAL ? t('topics.general') : title
}
