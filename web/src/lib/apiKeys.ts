// API keys in words: what they open, and how near their end is.
import { isKey, t } from './i18n.svelte'
import type { ApiKey } from './types'

/** From the harmless to the powerful; one that this client does not know comes last. */
const ORDER = [
  'auth.read_profile',
  'auth.read_people',
  'messaging.read',
  'messaging.write',
  'media.read',
  'media.write',
  'auth.read_audit',
  'auth.manage_people',
]
const SOON_MS = 7 * 86_400_000

export const DAYS = [7, 30, 90, 365]
export const DAYS_USUAL = 90

export function inOrder(scopes: string[]): string[] {
  const place = (scope: string): number => (ORDER.includes(scope) ? ORDER.indexOf(scope) : ORDER.length)
  return scopes.toSorted((one, other) => place(one) - place(other))
}

export function wordsOf(scope: string, form: 'scope' | 'scope_short'): string {
  const key = `${form}.${scope}`
  return isKey(key) ? t(key) : scope
}

export function stateOf({ expires_at }: ApiKey, now = Date.now()): 'good' | 'soon' | 'expired' {
  const leftMs = Date.parse(expires_at) - now
  if (leftMs <= 0) return 'expired'
  return leftMs < SOON_MS ? 'soon' : 'good'
}
