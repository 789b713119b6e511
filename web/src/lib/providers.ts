// Sign-in services, as the operator speaks of them.
import { t, type Key } from './i18n.svelte'
import { Problem, wordsFor } from './problems'
import type { ProviderKind } from './types'

/** Where the operator gets a client id and a secret. */
export const WHERE: Record<ProviderKind, Key> = {
  google: 'providers.where_google',
  github: 'providers.where_github',
  vk: 'providers.where_vk',
  oidc: 'providers.where_oidc',
}

/** Whose address may be another one than that which everybody knows. */
export const ISSUER_HELP: Partial<Record<ProviderKind, Key>> = {
  oidc: 'providers.issuer_oidc',
  github: 'providers.issuer_github',
  vk: 'providers.issuer_vk',
}

/** These have a document that says how to speak with them, so there is something to check. */
export const CHECKED: ProviderKind[] = ['oidc', 'google']

const UNFIT: Record<string, Key> = {
  unreachable: 'unfit.unreachable',
  discovery: 'unfit.discovery',
  issuer: 'unfit.issuer',
  endpoint: 'unfit.endpoint',
  code_flow: 'unfit.code_flow',
  pkce: 'unfit.pkce',
  algorithms: 'unfit.algorithms',
}

/** Also says what exactly does not suit us in an issuer. */
export function wordsForProvider(error: unknown): string {
  const key = error instanceof Problem && error.code === 'issuer_unfit' && UNFIT[error.reason ?? '']
  return key ? t(key) : wordsFor(error)
}
