import { expect, test } from 'vitest'
import { hrefOf, tree, type Node } from '../src/lib/entities'
import { linked, marked, toggled } from '../src/lib/marks'
import type { TextEntity } from '../src/lib/types'

const entity = (kind: TextEntity['kind'], offset: number, length: number, more: Partial<TextEntity> = {}) =>
  ({ kind, offset, length, ...more }) as TextEntity

const shape = (nodes: Node[]): unknown[] =>
  nodes.map((node) => ('text' in node ? node.text : [node.entity.kind, ...shape(node.children)]))

test('entities become a tree', () => {
  const entities = [entity('bold', 0, 9), entity('italic', 5, 4), entity('url', 10, 12)]
  expect(shape(tree('жирно косо http://a.org', entities).slice(0, 2))).toEqual([
    ['bold', 'жирно', ['italic', ' кос']],
    'о',
  ])
})

test('offsets count UTF-16 units', () => {
  expect(shape(tree('🎣🎣 да', [entity('bold', 5, 2)]))).toEqual(['🎣🎣 ', ['bold', 'да']])
})

test('what crosses or lies outside is passed over, and no letter is lost', () => {
  const entities = [
    entity('bold', 0, 4),
    entity('italic', 2, 4),
    entity('code', 5, 100),
    entity('strike', 7, 0),
  ]
  expect(shape(tree('abcdefgh', entities))).toEqual([['bold', 'abcd'], 'efgh'])
})

test('a block needs no line breaks at its edges', () => {
  const entities = [entity('quote', 4, 3), entity('pre', 12, 1)]
  expect(shape(tree('раз\nдва\nтри\nx\n', entities))).toEqual([
    'раз',
    ['quote', 'два'],
    'три',
    ['pre', 'x'],
    '',
  ])
})

test('links lead only where it is safe', () => {
  const to = (url: string) => hrefOf(entity('link', 0, 1, { url }), 'x')
  expect(to('https://a.org/')).toBe('https://a.org/')
  expect(['javascript:alert(1)', 'data:text/html,x', ' https://a.org', ''].map(to)).toEqual(
    Array(4).fill(undefined),
  )
  expect(hrefOf(entity('email', 0, 7), 'a@b.org')).toBe('mailto:a@b.org')
  expect(hrefOf(entity('url', 0, 10), 'javascript')).toBeUndefined()
})

test('a text is written with its marks', () => {
  const entities = [
    entity('quote', 0, 7),
    entity('bold', 0, 3),
    entity('link', 8, 2, { url: 'https://a.org' }),
    entity('pre', 11, 5, { language: 'js' }),
  ]
  expect(marked('раз\nдва да x = 1', entities)).toBe('> **раз**\n> два [да](https://a.org) ```js\nx = 1\n```')
  expect(marked('оба', [entity('bold', 0, 3), entity('italic', 0, 3)])).toBe('***оба***')
})

test('what would be read as a mark is written so that it is not', () => {
  expect(marked('2*3 *x* snake_case')).toBe('2*3 \\*x* snake_case')
  expect(marked('`a`', [])).toBe('\\`a\\`')
  expect(marked('https://a.org/*x_y', [entity('url', 0, 18)])).toBe('https://a.org/*x_y')
})

test('marks are put around what is selected, and taken away', () => {
  const bold = toggled({ text: 'раз два', start: 4, end: 7 }, '**')
  expect(bold).toEqual({ text: 'раз **два**', start: 6, end: 9 })
  expect(toggled(bold, '**')).toEqual({ text: 'раз два', start: 4, end: 7 })
  expect(linked({ text: 'раз', start: 0, end: 3 })).toEqual({ text: '[раз](https://)', start: 6, end: 14 })
})
