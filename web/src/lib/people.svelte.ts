// Everyone whose name we have met, by id.
import { SvelteMap } from 'svelte/reactivity'
import { t } from './i18n.svelte'
import type { Person } from './types'

const people = new SvelteMap<string, Person>()

export function meet(persons: readonly Person[]): void {
  for (const person of persons) {
    if (people.get(person.id)?.display_name !== person.display_name) people.set(person.id, person)
  }
}

export function knows(id: string): boolean {
  return people.has(id)
}

export function nameOf(id: string): string {
  return people.get(id)?.display_name ?? t('chat.member')
}

export function everyone(): Person[] {
  return [...people.values()]
}

export function forgetPeople(): void {
  people.clear()
}
