import { IntlMessageFormat } from 'intl-messageformat'
import { describe, expect, test } from 'vitest'
import openapi from '../openapi.json'
import en from '../src/locales/en'
import ru from '../src/locales/ru'

const catalogues = { ru, en } as const

// Texts whose keys are put together where they are used: by a problem's code, the name of a role, of a scope or of who
// erased, a message's state, when somebody was last here, what the audit log tells of.
const CHOSEN_BY_VALUE = [
  /^problem\./,
  /^role\./,
  /^permission\./,
  /^scope\./,
  /^scope_short\./,
  /^right\./,
  /^chat_role\./,
  /^system\.(renamed|changed|(promoted|demoted|restricted|unrestricted|banned|transferred)(_me)?|suspended|restored|topic_(made|closed|reopened|deleted))$/,
  /^system\.nameless_(created|joined|left|promoted|demoted|restricted|unrestricted|banned|transferred)$/,
  /^manage\.(ban|transfer)_/,
  /^privacy\.(write_first|add_to_groups|online|read_receipts|named_in_forwards)(_text)?$/,
  /^report\.(spam|fraud|abuse|violence|sexual|illegal|impersonation|other|waiting|acted|dismissed)$/,
  /^reports\.(open|taken|decided|said_\w+|(dismiss|delete_messages|remove_picture|ban_from_chat|suspend_account|suspend_chat)(_text)?)$/,
  /^privacy\.(everybody|acquaintances|nobody)$/,
  /^links\.(used_up|expired|revoked)$/,
  /^told\./,
  /^consumer\./,
  /^seen\.(recently|week|month|long)$/,
  /^bots\.(renew|stop|delete)_(title|text|done)$/,
  /^bot_webhook\.remove_(title|text|done)$/,
  /^erased\.holder_/,
  /^registration\.(open|invitation|closed)$/,
  /^required\.(optional|operators|everyone)$/,
  /^topics\.writers_(all|chosen|admins)$/,
  /^chat\.(pending|sent|read|failed)$/,
  /^schedule\.(hour|tonight|tomorrow)$/,
  /^storage\.(kind|one)_/,
  /^jobs\.(waiting|working|parked)$/,
  /^sending\.state_(waiting|offline|paused|lost)$/,
  /^voice\.(refused|missing|busy|insecure|elsewhere)$/,
  /^authorize\.(openid|profile|email|offline_access)(_text)?$/,
]

test('every text is used', () => {
  const files = import.meta.glob<string>('../src/**/*.{ts,svelte}', {
    query: '?raw',
    import: 'default',
    eager: true,
  })
  const quoted = /['"]([\w.]+)['"]/g
  const said = new Set(
    Object.values(files).flatMap((source) => [...source.matchAll(quoted)].map(([, key]) => key)),
  )
  const unused = Object.keys(ru).filter(
    (key) => !CHOSEN_BY_VALUE.some((chosen) => chosen.test(key)) && !said.has(key),
  )
  expect(unused).toEqual([])
})

test('every action of the audit log is told in a sentence', () => {
  const actions = Object.keys(ru).filter((key) => key.startsWith('action.'))
  expect(actions.map((key) => key.replace('action.', 'told.')).filter((key) => !(key in ru))).toEqual([])
})

test('every scope of an API key has words', () => {
  const scopes = [...JSON.stringify(openapi.paths).matchAll(/"api_key":\["([\w.]+)"\]/gu)].map(
    ([, scope]) => scope,
  )
  expect(scopes).toContain('messaging.read')
  const wordless = scopes.filter((scope) => !(`scope.${scope}` in ru) || !(`scope_short.${scope}` in ru))
  expect(wordless).toEqual([])
})

/** The keys of each file, in both languages. */
const files = import.meta.glob<Record<string, string>>('../src/locales/*/*.json', {
  import: 'default',
  eager: true,
})

function keysIn(locale: string): [file: string, keys: string[]][] {
  return Object.entries(files)
    .filter(([path]) => path.includes(`/${locale}/`))
    .map(([path, texts]) => [path.split('/').at(-1)!, Object.keys(texts).sort()])
}

test('both languages have the same texts, in the same files', () => {
  expect(keysIn('en')).toEqual(keysIn('ru'))
  expect(Object.keys(en).sort()).toEqual(Object.keys(ru).sort())
})

// One would hide the other; and what no index names would be in none of the two.
test('every text stands in one file, and every file is read', () => {
  const keys = keysIn('ru').flatMap(([, found]) => found)
  expect(keys.sort()).toEqual(Object.keys(ru).sort())
})

test('what belongs together stands together', () => {
  const places = new Map<string, Set<string>>()
  for (const [file, keys] of keysIn('ru'))
    for (const key of keys) {
      const topic = key.split('.')[0]!
      places.set(topic, (places.get(topic) ?? new Set()).add(file))
    }
  expect([...places].filter(([, found]) => found.size > 1)).toEqual([])
})

describe.each(Object.entries(catalogues))('%s', (locale, catalogue) => {
  test('every text can be said', () => {
    const values = {
      n: 3,
      name: 'Лена',
      emoji: '👍',
      text: 'Привет',
      title: 'Причал',
      people: 'Лена',
      host: 'ozero.club',
      email: 'lena@ozero.club',
      date: '4 мая',
      when: 'вчера',
      time: '09:12',
      day: '4 мая',
      role: 'Поддержка',
      device: 'Firefox, Linux',
      mode: 'Все',
      event: 'auth.letter_due.v1',
      application: 'Причал',
      network: '203.0.113.0/24',
      username: 'lena',
      unit: 's',
      max: 5,
      what: 'имя и почту',
      ending: 'aB3d',
      place: 2,
      percent: 40,
      status: 500,
      length: '1:24',
      value: '1,5',
    }
    for (const [key, text] of Object.entries(catalogue)) {
      const said = String(new IntlMessageFormat(text, locale, undefined, { ignoreTag: true }).format(values))
      expect(said, key).not.toMatch(/[{}]|undefined/)
    }
  })
})

test.each([
  [1, '1 минуту назад', 'Вы вышли на 1 другом устройстве'],
  [2, '2 минуты назад', 'Вы вышли на 2 других устройствах'],
  [5, '5 минут назад', 'Вы вышли на 5 других устройствах'],
  [21, '21 минуту назад', 'Вы вышли на 21 другом устройстве'],
])('Russian plurals of %i minutes and devices', (n, minutes, devices) => {
  expect(new IntlMessageFormat(ru['when.minutes_ago'], 'ru').format({ n })).toBe(minutes)
  expect(new IntlMessageFormat(ru['devices.others_ended'], 'ru').format({ n })).toBe(devices)
})

test.each([
  [1, '1 участник'],
  [2, '2 участника'],
  [5, '5 участников'],
  [21, '21 участник'],
])('Russian plural of %i', (n, words) => {
  expect(new IntlMessageFormat(ru['chat.members'], 'ru').format({ n })).toBe(words)
})
