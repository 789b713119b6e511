// Who looks like somebody else: like the staff, or like whom one talks with. The server compares; each is asked once.
import { SvelteMap } from 'svelte/reactivity'
import { api, ok } from './api'
import { t } from './i18n.svelte'
import { shownName } from './people.svelte'
import type { Lookalike, Person } from './types'

const AT_ONCE = 100
const GATHER_MS = 50
/** A name may change: then it is looked at anew. */
const asked = new Set<string>()
const found = new SvelteMap<string, Lookalike>()
let waiting: Person[] = []

/** Ask about those of whom nothing is known yet; without an answer there is nothing to warn of, and they are asked again. */
export function lookAt(people: readonly Person[]): void {
  const fresh = people.filter((person) => !asked.has(keyOf(person)))
  if (!fresh.length) return
  if (!waiting.length) setTimeout(() => void ask(), GATHER_MS)
  for (const person of fresh) asked.add(keyOf(person))
  waiting.push(...fresh)
}

/** What to say of somebody who looks like another one; empty for all others. */
export function warningOf(person: Person | undefined): string {
  const seen = person && found.get(keyOf(person))
  if (!seen) return ''
  return seen.like ? t('lookalike.known', { name: shownName(seen.like) }) : t('lookalike.staff')
}

export function forgetLookalikes(): void {
  asked.clear()
  found.clear()
  waiting = []
}

async function ask(): Promise<void> {
  const people = waiting
  waiting = []
  for (let start = 0; start < people.length; start += AT_ONCE) {
    const part = people.slice(start, start + AT_ONCE)
    try {
      const body = { user_ids: part.map(({ id }) => id) }
      const { lookalikes } = await ok(api.POST('/v1/messaging/lookalikes', { body }))
      for (const each of lookalikes) {
        const person = part.find(({ id }) => id === each.user_id)
        if (person && asked.has(keyOf(person))) found.set(keyOf(person), each)
      }
    } catch {
      for (const person of part) asked.delete(keyOf(person))
    }
  }
}

function keyOf({ id, display_name }: Person): string {
  return `${id} ${display_name}`
}
