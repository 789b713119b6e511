import { describe, expect, it } from 'vitest'
import { mayDeleteForAll, mayEdit, mayPin, mayReply, purgeable } from '../src/lib/mayDo'
import type { Chat, Entry, RightName } from '../src/lib/types'

const NOW = Date.parse('2026-11-27T12:00:00Z')
const OLD = '2026-11-20T12:00:00Z'

function message(more: Partial<Entry> = {}): Entry {
  const at = '2026-11-27T11:00:00Z'
  return { chat_id: 'c', seq: 5, kind: 'message', sender_id: 'anna', at, text: 'Да', ...more } as Entry
}

function place(kind: Chat['kind'], ...rights: RightName[]): Pick<Chat, 'kind' | 'rights'> {
  return { kind, rights }
}

describe('what one may do with a message', () => {
  it('is to edit one’s own for two days, where one may write', () => {
    const group = place('group', 'send', 'edit', 'delete')
    expect(mayEdit(message(), group, 'anna', NOW)).toBe(true)
    expect(mayEdit(message({ at: OLD }), group, 'anna', NOW)).toBe(false)
    expect(mayEdit(message({ sender_id: 'boris' }), group, 'anna', NOW)).toBe(false)
    expect(mayEdit(message(), place('group', 'edit'), 'anna', NOW)).toBe(false)
    expect(mayEdit(message({ deleted: true }), group, 'anna', NOW)).toBe(false)
  })

  it('is to edit any post of a channel with the right to', () => {
    const posts = [message({ sender_id: 'c' }), message({ sender_id: 'boris', at: OLD })]
    for (const post of posts) {
      expect(mayEdit(post, place('channel', 'edit'), 'anna', NOW)).toBe(true)
      expect(mayEdit(post, place('channel', 'send', 'delete'), 'anna', NOW)).toBe(false)
    }
    const fixed = message({ sender_id: 'c', forward: { sender_id: 'x', at: OLD } })
    expect(mayEdit(fixed, place('channel', 'edit'), 'anna', NOW)).toBe(false)
  })

  it('is to edit what one posted in a channel’s name', () => {
    const posts = [message({ sender_id: 'c', mine: true }), message({ sender_id: 'c' })]
    const writer = place('channel', 'send')
    expect(posts.map((post) => mayEdit(post, writer, 'anna', NOW))).toEqual([true, false])
    expect(posts.map((post) => mayDeleteForAll([post], writer, 'anna'))).toEqual([true, false])
  })

  it('is to delete all that one other person wrote in a group, with the right to', () => {
    const theirs = [message({ sender_id: 'boris' }), message({ sender_id: 'boris' })]
    expect(purgeable(theirs, place('group', 'delete'), 'anna')).toBe('boris')
    expect(purgeable(theirs, place('group', 'ban'), 'anna')).toBeUndefined()
    expect(purgeable(theirs, place('channel', 'delete'), 'anna')).toBeUndefined()
    expect(purgeable([...theirs, message()], place('group', 'delete'), 'anna')).toBeUndefined()
    expect(purgeable([message()], place('group', 'delete'), 'anna')).toBeUndefined()
    const posted = [message({ sender_id: 'hook', webhook: 'Сборка' })]
    expect(purgeable(posted, place('group', 'delete'), 'anna')).toBeUndefined()
  })

  it('is to delete for all what is one’s own, or all with the right to', () => {
    const both = [message(), message({ sender_id: 'boris' })]
    expect(mayDeleteForAll([message()], place('group'), 'anna')).toBe(true)
    expect(mayDeleteForAll(both, place('group', 'send', 'pin'), 'anna')).toBe(false)
    expect(mayDeleteForAll(both, place('group', 'delete'), 'anna')).toBe(true)
    expect(mayDeleteForAll([message({ deleted: true })], place('group', 'delete'), 'anna')).toBe(false)
  })

  it('is to answer and to pin where one may', () => {
    expect([mayReply(place('channel')), mayPin(place('channel'))]).toEqual([false, false])
    expect([mayReply(place('group', 'send')), mayPin(place('group', 'pin'))]).toEqual([true, true])
  })
})
