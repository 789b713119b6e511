// Who somebody is now, as auth says.
import { api, ok } from './api'
import { meet } from './people.svelte'
import type { Person } from './types'

export async function personNow(user_id: string): Promise<Person> {
  return ok(api.GET('/v1/auth/people/{user_id}', { params: { path: { user_id } } }))
}

/** Beside those that are known already; of whoever can't be asked about, there is none. */
export async function peopleNow(
  ids: Iterable<string>,
  people: ReadonlyMap<string, Person> = new Map(),
): Promise<Map<string, Person>> {
  const asked = [...new Set(ids)].filter((id) => !people.has(id)).map(personNow)
  const known = (await Promise.allSettled(asked)).flatMap((one) =>
    one.status === 'fulfilled' ? [one.value] : [],
  )
  meet(known)
  return new Map([...people, ...known.map((person) => [person.id, person] as const)])
}
