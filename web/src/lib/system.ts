// Who came, who left, who began: entries that are not messages, in words.
import { inQuotes, listOf } from './format'
import { t } from './i18n.svelte'
import { nameOf } from './people.svelte'
import type { Entry } from './types'

const NAMES_MAX = 3

export function systemText(entry: Entry, me: string): string {
  const ids = entry.user_ids ?? []
  const byMe = entry.sender_id === me
  if (entry.people_count && ids.length === 0) return namelessText(entry.kind, entry)
  switch (entry.kind) {
    case 'created':
      return createdText(entry, byMe)
    case 'joined':
      return joinedText(entry.sender_id, ids, me)
    case 'left':
      return leftText(entry.sender_id, ids, me)
    case 'renamed':
    case 'changed':
    case 'promoted':
    case 'demoted':
    case 'restricted':
    case 'unrestricted':
    case 'banned':
    case 'transferred':
      return changedText(entry.kind, entry, ids, me)
    case 'topic_made':
    case 'topic_closed':
    case 'topic_reopened':
    case 'topic_deleted':
      return t(`system.${entry.kind}`, {
        name: byMe ? t('chat.you') : nameOf(entry.sender_id),
        title: inQuotes(entry.title || t('topics.general')),
      })
    case 'suspended':
    case 'restored':
      return t(`system.${entry.kind}`)
    case 'topic_moved':
      return t('system.topic_moved', {
        name: byMe ? t('chat.you') : nameOf(entry.sender_id),
        n: entry.count ?? 0,
        title: inQuotes(entry.title || t('topics.general')),
      })
    case 'timer':
      return timerText(entry, byMe)
    case 'pinned':
      return t(byMe ? 'system.pinned_you' : 'system.pinned', { name: nameOf(entry.sender_id) })
    default:
      return ''
  }
}

/** Where the group hides its members: how many people it is about, and not who. */
function namelessText(kind: Entry['kind'], { title, people_count: n = 0 }: Entry): string {
  switch (kind) {
    case 'created':
    case 'joined':
    case 'left':
    case 'promoted':
    case 'demoted':
    case 'restricted':
    case 'unrestricted':
    case 'banned':
    case 'transferred':
      return t(`system.nameless_${kind}`, { n, title: inQuotes(title ?? '') })
    default:
      return ''
  }
}

function timerText({ chat_id, sender_id, vanish_after_s = 0 }: Entry, byMe: boolean): string {
  const values = { name: nameOf(sender_id), n: Math.round(vanish_after_s / 86_400) }
  if (sender_id === chat_id)
    return t(vanish_after_s ? 'system.nameless_timer' : 'system.nameless_timer_off', values)
  if (!vanish_after_s) return t(byMe ? 'system.timer_off_you' : 'system.timer_off', values)
  return t(byMe ? 'system.timer_you' : 'system.timer', values)
}

function createdText({ title, sender_id, chat_id }: Entry, byMe: boolean): string {
  if (sender_id === chat_id) return t('system.created_channel')
  if (!title) return t('system.created_direct')
  const values = { title: inQuotes(title), name: nameOf(sender_id) }
  return t(byMe ? 'system.created_group_you' : 'system.created_group', values)
}

type Change =
  'renamed' | 'changed' | 'promoted' | 'demoted' | 'restricted' | 'unrestricted' | 'banned' | 'transferred'

function changedText(kind: Change, { sender_id, title }: Entry, ids: string[], me: string): string {
  if (ids.length === 1 && ids[0] === me && kind !== 'renamed' && kind !== 'changed')
    return t(`system.${kind}_me`)
  return t(`system.${kind}`, {
    name: sender_id === me ? t('chat.you') : nameOf(sender_id),
    people: people(ids, me),
    title: inQuotes(title ?? ''),
  })
}

function joinedText(by: string, ids: string[], me: string): string {
  const others = ids.filter((id) => id !== by)
  if (others.length === 0) return t('system.joined', { people: people(ids, me) })
  if (others.length === 1 && others[0] === me) return t('system.you_were_added')
  if (by === me) return t('system.added_you', { people: people(others, me) })
  return t('system.added', { name: nameOf(by), people: people(others, me) })
}

function leftText(by: string, ids: string[], me: string): string {
  if (ids.length === 1 && ids[0] === me) return t('system.you_left')
  if (ids.every((id) => id === by)) return t('system.left', { people: people(ids, me), n: ids.length })
  if (by === me) return t('system.removed_you', { people: people(ids, me) })
  return t('system.removed', { name: nameOf(by), people: people(ids, me) })
}

function people(ids: string[], me: string): string {
  const names = ids.map((id) => (id === me ? t('chat.you').toLocaleLowerCase() : nameOf(id)))
  if (names.length <= NAMES_MAX + 1) return listOf(names)
  return t('system.and_more', { people: names.slice(0, NAMES_MAX).join(', '), n: names.length - NAMES_MAX })
}
