// Everyone whose name we have met, by id.
import { SvelteMap } from 'svelte/reactivity'
import { t } from './i18n.svelte'
import { colourById } from './text'
import type { Person } from './types'

const people = new SvelteMap<string, Person>()
/** Of groups and channels, by the chat's id. */
const pictures = new SvelteMap<string, string>()

export function meet(persons: readonly Person[]): void {
  for (const person of persons) {
    const known = people.get(person.id)
    if (
      known?.display_name !== person.display_name ||
      known.avatar_colour !== person.avatar_colour ||
      known.kind !== person.kind ||
      (known.avatar ?? null) !== (person.avatar ?? null)
    )
      people.set(person.id, person)
  }
}

export function knows(id: string): boolean {
  return people.has(id)
}

export function personOf(id: string): Person | undefined {
  return people.get(id)
}

export function nameOf(id: string): string {
  const person = people.get(id)
  return person ? shownName(person) : t('chat.member')
}

/** Who said it, as it is shown: webhooks speak in a name of their own. */
export function authorOf({ sender_id, webhook }: { sender_id: string; webhook?: string }): string {
  return webhook || nameOf(sender_id)
}

/** Which of the eight avatar colours: the one that the person chose, or the one that goes by the id. */
export function colourOf(id: string): number {
  return people.get(id)?.avatar_colour ?? colourById(id)
}

/** The file that shows them, of people and of chats alike. */
export function pictureOf(id: string): string | null | undefined {
  return pictures.get(id) ?? people.get(id)?.avatar
}

export function meetChat({ id, avatar }: { id: string; avatar?: string | null }): void {
  if (!avatar) pictures.delete(id)
  else if (pictures.get(id) !== avatar) pictures.set(id, avatar)
}

/** Whether it is a program that speaks. */
export function isBot(id: string): boolean {
  return people.get(id)?.kind === 'bot'
}

/** Who deleted their account is called so in the reader's language. */
export function shownName(person: Person): string {
  return hasLeft(person) ? t('chat.deleted_account') : person.display_name
}

/** Such a name is too long to be registered. */
export function hasLeft({ username }: Person): boolean {
  return /^deleted-[0-9a-z]{26}$/.test(username)
}

export function everyone(): Person[] {
  return [...people.values()]
}

export function forgetPeople(): void {
  people.clear()
  pictures.clear()
}
