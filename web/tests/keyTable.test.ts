import { describe, expect, it } from 'vitest'
import { KEY_TABLE } from '../src/lib/keyTable'

/** Where keys of lists, messages and the field are bound. */
const BINDING = [
  'keys.ts',
  'marks.ts',
  'longPress.ts',
  'messageKeys.ts',
  'MessageLog.svelte',
  'Composer.svelte',
  'Conversation.svelte',
]
/** What has keys of its own while it is looked at. */
const OWN = ['FilmPlayer.svelte']
const CODES = 'Key[A-Z]|Slash|Delete|ContextMenu|F10|Enter|Escape|Arrow(?:Up|Down)|Home|End'
const QUOTED = new RegExp(`'(${CODES})'|key === '([?/])'|\\b(${CODES})(?=:)`, 'g')

const SOURCES: Record<string, string> = import.meta.glob('../src/**/*.{ts,svelte}', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const sources = Object.keys(SOURCES).filter((path) => !path.endsWith('api.gen.ts'))
const basename = (path: string): string => path.split('/').at(-1)!
const NAMING = ['keyTable.ts']

function boundIn(path: string): string[] {
  const name = basename(path).replace(/\..*/, '')
  return [...SOURCES[path]!.matchAll(QUOTED)].map((found) => `${name} ${found.slice(1).find(Boolean)}`)
}

describe('the dialog of keys', () => {
  it('names every key that is bound, and none that is not', () => {
    const bound = sources.filter((path) => BINDING.includes(basename(path))).flatMap(boundIn)
    expect(KEY_TABLE.flatMap((row) => row.bound).sort()).toEqual([...new Set(bound)].sort())
  })

  it('shows for each row what is bound for it', () => {
    const shown: Record<string, string> = {
      Slash: '/',
      Delete: 'Del',
      ContextMenu: '≣',
      ArrowUp: '↑',
      ArrowDown: '↓',
      Escape: 'Esc',
    }
    for (const { label, keys, bound } of KEY_TABLE)
      for (const code of bound.map((one) => one.split(' ')[1]!.replace(/^Key/, '')))
        expect(keys.join(' ').split(' '), label).toContain(shown[code] ?? code)
  })

  it('is held against all places where letters are bound', () => {
    const others = sources.filter((path) => ![...BINDING, ...OWN, ...NAMING].includes(basename(path)))
    expect(others.filter((path) => /\bKey[A-Z]\b/.test(SOURCES[path]!))).toEqual([])
  })
})
