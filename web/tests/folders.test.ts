import { expect, test } from 'vitest'
import { holds, moved, tabsOf, withChat } from '../src/lib/folders'
import { chat } from './entries'

test('a folder holds the chats that are named and those of its kinds, but none that is put away', () => {
  const folder = { name: 'Работа', chats: ['named'], kinds: ['group' as const] }

  const held = [
    chat({ id: 'named', kind: 'channel' }),
    chat({ id: 'a', kind: 'group' }),
    chat({ id: 'b', kind: 'channel' }),
    chat({ id: 'c', kind: 'direct' }),
    chat({ id: 'd', kind: 'group', archived: true }),
  ].filter((each) => holds(folder, each))

  expect(held.map(({ id }) => id)).toEqual(['named', 'a'])
})

test('saved messages are among the people', () => {
  expect(holds({ name: 'Люди', kinds: ['direct'] }, chat({ kind: 'saved' }))).toBe(true)
})

test('a chat that one looks at stays in a folder of unread ones after it has been read', () => {
  const folder = { name: 'Новое', kinds: ['group' as const], unread_only: true }
  const read = chat({ id: 'open', kind: 'group', unread: 0 })

  expect(holds(folder, { ...read, unread: 1 })).toBe(true)
  expect(holds(folder, read)).toBe(false)
  expect(holds(folder, read, 'open')).toBe(true)
})

test('a folder without muted chats shows one again when its time is over', () => {
  const folder = { name: 'Слышно', kinds: ['group' as const], without_muted: true }

  expect(holds(folder, chat({ kind: 'group', muted_until: '9999-01-01T00:00:00Z' }))).toBe(false)
  expect(holds(folder, chat({ kind: 'group', muted_until: '2020-01-01T00:00:00Z' }))).toBe(true)
})

test('folders move by one place and no further than the ends', () => {
  const folders = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
  const names = (at: number, step: 1 | -1) => moved(folders, at, step).map(({ name }) => name)

  expect(names(0, 1)).toEqual(['b', 'a', 'c'])
  expect(names(2, -1)).toEqual(['a', 'c', 'b'])
  expect(names(0, -1)).toEqual(['a', 'b', 'c'])
  expect(names(2, 1)).toEqual(['a', 'b', 'c'])
})

test('a tab keeps its key when its folder is moved, and two of one name have two', () => {
  const keys = (...names: string[]) => tabsOf(names.map((name) => ({ name }))).map(({ key }) => key)

  expect(keys('b', 'a')).toEqual(keys('a', 'b').reverse())
  expect(new Set(keys('a', 'a')).size).toBe(2)
})

test('a chat is in a folder once, however often it is put there', () => {
  const folder = { name: 'a', chats: ['x'] }

  expect(withChat(withChat(folder, 'y', true), 'y', true).chats).toEqual(['x', 'y'])
  expect(withChat(folder, 'x', false).chats).toEqual([])
})
