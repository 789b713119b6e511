// Letters about missed messages: how often, and no more of them.
import { api, ok } from './api'
import type { DigestSettings } from './types'

export const EVERY = ['never', 'hour', 'day'] as const

export async function digest(): Promise<DigestSettings> {
  return (await ok(api.GET('/v1/messaging/digest'))) as DigestSettings
}

export async function chooseDigest(body: DigestSettings): Promise<void> {
  await ok(api.POST('/v1/messaging/digest', { body }))
}

/** By a letter's own token, whoever is signed in here. */
export async function declineDigests(token: string): Promise<void> {
  await ok(api.POST('/v1/auth/digests/decline', { body: { token } }))
}
