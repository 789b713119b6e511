// Applications that people sign in to with their account here, as the operator speaks of them.
import type { Key } from './i18n.svelte'
import { Problem } from './problems'
import type { Application, ApplicationKind } from './types'

export type Scope = Application['scopes'][number]

export const KINDS: Record<ApplicationKind, { label: Key; text: Key }> = {
  web: { label: 'apps.web', text: 'apps.web_text' },
  browser: { label: 'apps.browser', text: 'apps.browser_text' },
  native: { label: 'apps.native', text: 'apps.native_text' },
}

/** Those that may be left out; without openid there is nothing to ask for. */
export const SCOPES: [Scope, Key][] = [
  ['profile', 'apps.profile'],
  ['email', 'apps.email'],
  ['offline_access', 'apps.offline_access'],
]

export interface Discovery {
  issuer: string
  url: string
}

const WELL_KNOWN = '/.well-known/openid-configuration'

/** What an application is told of this server; it reads the rest there (OpenID Connect Discovery 1.0). */
export async function discovery(): Promise<Discovery> {
  const response = await fetch(WELL_KNOWN).catch(() => {
    throw new Problem('offline')
  })
  if (!response.ok) throw new Problem('unknown', response.status)
  const { issuer } = (await response.json()) as { issuer: string }
  return { issuer, url: issuer.replace(/\/$/, '') + WELL_KNOWN }
}
