import { describe, expect, it, vi } from 'vitest'
import { covered } from '../src/lib/covering'
import type { Entry } from '../src/lib/types'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
vi.stubGlobal('addEventListener', () => {})
const { lineOf } = await import('../src/lib/cards')

const SPOILER = [{ kind: 'spoiler' as const, offset: 5, length: 9 }]

describe('what is covered', () => {
  it('stays so, and as long as it was', () => {
    expect(covered('Убил дворецкий 😀', SPOILER)).toBe('Убил ▒▒▒▒▒▒▒▒▒ 😀')
    expect(covered('Убил', [{ kind: 'bold', offset: 0, length: 4 }])).toBe('Убил')
  })

  it('is not told by a line of a list, a quote or a bar, with files or without', () => {
    const entry = { kind: 'message', sender_id: 'a', text: 'Убил дворецкий', entities: SPOILER } as Entry
    expect(lineOf(entry)).toBe('Убил ▒▒▒▒▒▒▒▒▒')
    const attachments = [{ kind: 'file', name: 'a' }] as NonNullable<Entry['attachments']>
    expect(lineOf({ ...entry, attachments })).toBe('Убил ▒▒▒▒▒▒▒▒▒')
  })
})
