// When people were here last.
import { api, ok } from './api'
import { whenOf } from './format'
import { t } from './i18n.svelte'
import type { Seen } from './types'

export async function lastSeen(user_id: string): Promise<Seen> {
  return ok(api.GET('/v1/messaging/people/{user_id}/last-seen', { params: { path: { user_id } } }))
}

/** What is known in whole minutes may have been a moment ago, however soon the next minute began. */
const JUST_NOW_MS = 2 * 60_000

/** Nothing of bots, nor of whoever there is no longer. */
export function wordsOf({ at, about, online }: Seen, now = new Date()): string {
  if (online) return t('chats.online')
  const isJustNow = at && now.getTime() - Date.parse(at) < JUST_NOW_MS
  if (at) return t('seen.at', { when: isJustNow ? t('when.just_now') : whenOf(at, now) })
  return about ? t(`seen.${about}`) : ''
}
