import { describe, expect, it, vi } from 'vitest'
import { covered } from '../src/lib/covering'
// The server's tests read it too.
import vectors from './covered.json'
import type { Entry } from '../src/lib/types'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
vi.stubGlobal('addEventListener', () => {})
const { lineOf } = await import('../src/lib/cards')

const SPOILER = [{ kind: 'spoiler' as const, offset: 5, length: 9 }]

describe('what is covered', () => {
  it.each(vectors)('is as long as on the server: $shown', ({ text, entities, shown }) => {
    expect(covered(text, entities as Entry['entities'])).toBe(shown)
  })

  it('is not told by a line of a list, a quote or a bar, with files or without', () => {
    const entry = { kind: 'message', sender_id: 'a', text: 'Убил дворецкий', entities: SPOILER } as Entry
    expect(lineOf(entry)).toBe('Убил ▒▒▒▒▒▒▒▒▒')
    const attachments = [{ kind: 'file', name: 'a' }] as NonNullable<Entry['attachments']>
    expect(lineOf({ ...entry, attachments })).toBe('Убил ▒▒▒▒▒▒▒▒▒')
  })
})
