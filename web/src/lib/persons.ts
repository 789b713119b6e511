// Who somebody is now, as auth says.
import { api, ok } from './api'
import type { Person } from './types'

export async function personNow(user_id: string): Promise<Person> {
  return ok(api.GET('/v1/auth/people/{user_id}', { params: { path: { user_id } } }))
}
