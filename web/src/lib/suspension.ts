// Chats that moderators have closed: what is said in the composer's place.
import { t, type Key } from './i18n.svelte'
import { REASONS } from './reports'
import type { Chat } from './types'

/** Why it is closed, and to who looks after it what they can do about that. */
export function suspendedText({ suspended, kind, role }: Chat): string {
  const channel = kind === 'channel'
  const closed = t(channel ? 'suspended.channel' : 'suspended.group', { text: reasonOf(suspended) })
  return role === 'owner' ? `${closed} ${t('suspended.owner')}` : closed
}

function reasonOf(suspended = ''): string {
  const reason = REASONS.find((known) => known === suspended) ?? 'other'
  const key: Key = `report.${reason}`
  return t(key).toLocaleLowerCase()
}
