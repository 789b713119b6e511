// One's own profile, as the server has it.
import { api, ok } from './api'
import { session } from './session.svelte'

export async function refreshUser(): Promise<void> {
  session.keep(await ok(api.GET('/v1/auth/me')))
}
