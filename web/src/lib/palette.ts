// What the palette offers: chats, people, deeds and places, each under all the names by which it may be sought.
import { fit } from './fuzzy'
import { t, type Key } from './i18n.svelte'
import type { Messenger } from './messenger.svelte'
import { sectionsOf, isOperator } from './operator'
import { shownName } from './people.svelte'
import { preferences, type Theme } from './preferences.svelte'
import { companion, faceOf, titleOf } from './titles'
import type { Person, User } from './types'
import { ui, type DialogName } from './ui.svelte'
import { navigate } from '../router'

export interface Offer {
  id: string
  /** What it is, said beside its name. */
  kind: Key
  words: string
  /** Other names by which it is found. */
  also?: readonly string[]
  icon?: string
  /** Instead of an icon: the id that colours an avatar. */
  face?: string
  choose: () => unknown
}

/** As many as fit on a screen; typing more finds the rest. */
const SHOWN_MAX = 30

/** Those that answer what was typed, best first; equal ones keep their order. */
export function answering(offers: readonly Offer[], typed: string): Offer[] {
  return offers
    .map((offer) => ({ offer, fits: fit(typed, offer.words, ...(offer.also ?? [])) }))
    .filter(({ fits }) => fits > 0)
    .sort((a, b) => b.fits - a.fits)
    .slice(0, SHOWN_MAX)
    .map(({ offer }) => offer)
}

export function chatOffers(messenger: Messenger): Offer[] {
  return messenger.list.sorted.map(({ id, summary }) => {
    const other = companion(summary, messenger.me)
    return {
      id: `chat:${id}`,
      kind: KINDS[summary.kind] ?? 'palette.chat',
      words: titleOf(summary, messenger.me),
      also: [other?.username ?? summary.name ?? ''].filter(Boolean),
      face: faceOf(summary, messenger.me),
      choose: () => navigate('/chat/:id', { params: { id } }),
    }
  })
}

/** People with whom there is no chat of two yet. */
export function peopleOffers(people: readonly Person[], messenger: Messenger): Offer[] {
  const known = new Set(messenger.list.sorted.map(({ summary }) => companion(summary, messenger.me)?.id))
  return people
    .filter(({ id }) => id !== messenger.me && !known.has(id))
    .map((person) => ({
      id: `person:${person.id}`,
      kind: 'palette.person',
      words: shownName(person),
      also: [person.username],
      face: person.id,
      choose: async () => {
        const { id } = await messenger.createDirect(person.id)
        await navigate('/chat/:id', { params: { id } })
      },
    }))
}

export function deedOffers(messenger: Messenger, user: User): Offer[] {
  return [
    dialog('new-chat', 'chats.new', 'edit'),
    dialog('new-group', 'chats.new_group', 'users'),
    dialog('new-channel', 'chats.new_channel', 'bell'),
    place('/', 'nav.chats', 'chat'),
    place('/settings', 'settings.title', 'settings'),
    place('/settings/security', 'security.title', 'shield'),
    {
      ...deed('saved', 'chats.saved', 'star'),
      choose: async () => {
        const { id } = await messenger.openSaved()
        await navigate('/chat/:id', { params: { id } })
      },
    },
    dialog('keys', 'keys.title', 'info'),
    ...THEMES.map(([theme, words]) => ({
      ...deed(`theme:${theme}`, words, 'eye'),
      kind: 'settings.theme' as const,
      choose: () => preferences.chooseTheme(theme),
    })),
    ...(isOperator(user) ? [place('/operator', 'operator.title', 'grid')] : []),
    ...sectionsOf(user).map(({ path, label, icon }) => ({
      ...place(path, label, icon),
      kind: 'nav.operator' as const,
    })),
  ]
}

const KINDS: Record<string, Key> = {
  direct: 'palette.chat',
  group: 'palette.group',
  channel: 'palette.channel',
  saved: 'palette.chat',
}

const THEMES: [Theme, Key][] = [
  ['system', 'settings.theme_system'],
  ['light', 'settings.theme_light'],
  ['dark', 'settings.theme_dark'],
]

function deed(id: string, words: Key, icon: string): Omit<Offer, 'choose'> {
  return { id, kind: 'palette.deed', words: t(words), icon }
}

function dialog(name: DialogName, words: Key, icon: string): Offer {
  return { ...deed(`dialog:${name}`, words, icon), choose: () => ui.open(name) }
}

function place(path: Parameters<typeof navigate>[0], words: Key, icon: string): Offer {
  return { ...deed(`place:${path}`, words, icon), kind: 'palette.place', choose: () => navigate(path as '/') }
}
