// When people were here last.
import { api, ok } from './api'
import { whenOf } from './format'
import { t } from './i18n.svelte'
import type { Seen } from './types'

export async function lastSeen(user_id: string): Promise<Seen> {
  return ok(api.GET('/v1/messaging/people/{user_id}/last-seen', { params: { path: { user_id } } }))
}

/** Nothing of bots, nor of whoever there is no longer. */
export function wordsOf({ at, about, online }: Seen, now = new Date()): string {
  if (online) return t('chats.online')
  if (at) return t('seen.at', { when: whenOf(at, now) })
  return about ? t(`seen.${about}`) : ''
}
