// Sign-in services: the browser goes to one of them and comes back with its answer.
import { api, ok } from './api'
import type { ServiceAnswer, SignInService } from './types'

export type Purpose = 'sign_in' | 'link' | 'step_up'

/** What this browser keeps while it is away. Whoever comes back without it did not begin here. */
export interface Begun {
  state: string
  secret: string
  purpose: Purpose
  /** Its name. */
  service: string
  /** The page that the person left. */
  from: string
  expires_at: number
}

// Not of the tab alone: on a phone a service's app may bring the person back in another one.
const STORAGE_KEY = 'kaif.authorizations'
const KEPT_MAX = 10
const CALLBACK = '/sign-in/callback'

export async function listServices(): Promise<SignInService[]> {
  return (await ok(api.GET('/v1/auth/services'))).services
}

/** Leaves this page. */
export async function leaveFor(service: Pick<SignInService, 'id' | 'name'>, purpose: Purpose): Promise<void> {
  const { url, state, secret, expires_in } = await begin(purpose, service.id)
  const begun: Begun = {
    state,
    secret,
    purpose,
    service: service.name,
    from: location.pathname,
    expires_at: Date.now() + expires_in * 1000,
  }
  keep([...kept(), begun].slice(-KEPT_MAX))
  location.assign(url)
}

/** What we were called with, taken out of the address at once: a code is good until it is used. */
export function takeReturned(): { begun: Begun; answer: ServiceAnswer } | undefined {
  const query = new URLSearchParams(location.search)
  history.replaceState(history.state, '', CALLBACK)
  const state = query.get('state')
  const begun = kept().find((each) => each.state === state)
  if (!begun) return undefined
  keep(kept().filter((each) => each !== begun && each.state !== state))
  const { secret } = begun
  const of = (name: string): string => query.get(name) ?? ''
  const answer = { code: of('code'), error: of('error'), iss: of('iss'), device_id: of('device_id') }
  return { begun, answer: { state: begun.state, secret, ...answer } }
}

function begin(purpose: Purpose, provider_id: string) {
  const body = { provider_id }
  switch (purpose) {
    case 'sign_in':
      return ok(api.POST('/v1/auth/services/sign-in/begin', { body }))
    case 'link':
      return ok(api.POST('/v1/auth/identities/begin', { body }))
    case 'step_up':
      return ok(api.POST('/v1/auth/services/step-up/begin', { body }))
  }
}

function kept(): Begun[] {
  try {
    const stored = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]') as Begun[]
    return stored.filter(({ expires_at }) => expires_at > Date.now())
  } catch {
    return []
  }
}

function keep(begun: Begun[]): void {
  if (begun.length) localStorage.setItem(STORAGE_KEY, JSON.stringify(begun))
  else localStorage.removeItem(STORAGE_KEY)
}
