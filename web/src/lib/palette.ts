// What the palette offers: chats, people, deeds and places, each under all the names by which it may be sought.
import type { ChatModel } from './chat.svelte'
import { fit } from './fuzzy'
import { t, type Key } from './i18n.svelte'
import type { Messenger } from './messenger.svelte'
import { sectionsOf, isOperator } from './operator'
import { shownName } from './people.svelte'
import { preferences, type Theme } from './preferences.svelte'
import { companion, faceOf, titleOf, topicName } from './titles'
import type { Person, Topic, User } from './types'
import { ui, type DialogName } from './ui.svelte'
import { navigate } from '../router'

export interface Offer {
  id: string
  /** What it is, said beside its name. */
  kind: Key
  words: string
  /** In what it lies, where that is not said by its name. */
  within?: string
  /** Other names by which it is found. */
  also?: readonly string[]
  icon?: string
  /** Instead of an icon: the id that colours an avatar. */
  face?: string
  /** Instead of either. */
  topic?: Topic
  choose: () => unknown
}

/** As many as fit on a screen; typing more finds the rest. */
const SHOWN_MAX = 30
/** Groups whose topics are asked for when the palette opens: those where something was said last. */
const LEARNT_AT_ONCE = 20

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

/** Of groups whose topics are known by now. */
export function topicOffers(messenger: Messenger): Offer[] {
  return groupsWithTopics(messenger).flatMap((group) => {
    const mayMake = group.summary.rights.includes('topics')
    const within = titleOf(group.summary, messenger.me)
    return messenger
      .topicsOf(group)
      .sorted.filter(({ hidden }) => !hidden || mayMake)
      .map((topic) => ({
        id: `topic:${group.id}:${topic.id}`,
        kind: 'palette.topic' as const,
        words: topicName(topic),
        within,
        also: [`${within} ${topicName(topic)}`],
        topic,
        choose: () =>
          navigate('/chat/:id/topic/:topic', { params: { id: group.id, topic: String(topic.id) } }),
      }))
  })
}

/** Learn the topics of those groups of which they are not known yet. */
export async function learnTopics(messenger: Messenger): Promise<void> {
  const unknown = groupsWithTopics(messenger).filter((group) => !messenger.topicsOf(group).loaded)
  await Promise.allSettled(unknown.slice(0, LEARNT_AT_ONCE).map((group) => messenger.topicsOf(group).load()))
}

function groupsWithTopics(messenger: Messenger): ChatModel[] {
  return messenger.list.sorted.filter(({ summary }) => summary.topics)
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
