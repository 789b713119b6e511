// A message's text as a tree of its entities: text nodes and kinds alone, never HTML.
import { pieces } from './text'
import type { TextEntity } from './types'

export interface Leaf {
  text: string
  href?: string
}

export interface Branch {
  entity: TextEntity
  children: Node[]
}

export type Node = Leaf | Branch

/** Offsets count UTF-16 units, as strings do. What does not nest or lies outside is passed over. */
export function tree(text: string, entities: readonly TextEntity[] = []): Node[] {
  // Messages of before there were entities hold addresses all the same.
  if (!entities.length) return pieces(text)
  return branch(text, 0, text.length, [...entities])
}

function branch(text: string, start: number, end: number, rest: TextEntity[]): Node[] {
  const nodes: Node[] = []
  let at = start
  while (rest.length && rest[0]!.offset < end) {
    const entity = rest.shift()!
    const stop = entity.offset + entity.length
    if (entity.offset < at || stop > end || entity.length <= 0) continue
    if (entity.offset > at) nodes.push({ text: text.slice(at, entity.offset) })
    nodes.push({ entity, children: branch(text, entity.offset, stop, rest) })
    at = stop
  }
  if (at < end) nodes.push({ text: text.slice(at, end) })
  return nodes.map((node, index) =>
    'text' in node ? beside(node, nodes[index - 1], nodes[index + 1]) : node,
  )
}

/** A block stands on lines of its own: the line break at its edge is the edge. */
function beside(leaf: Leaf, before: Node | undefined, after: Node | undefined): Leaf {
  let { text } = leaf
  if (isBlock(before) && text.startsWith('\n')) text = text.slice(1)
  if (isBlock(after) && text.endsWith('\n')) text = text.slice(0, -1)
  return text === leaf.text ? leaf : { ...leaf, text }
}

function isBlock(node: Node | undefined): boolean {
  return node !== undefined && 'entity' in node && ['quote', 'pre'].includes(node.entity.kind)
}

const SAFE = /^(https?:\/\/|mailto:)/i

/** Where an entity leads, if anywhere safe: the server checks too. */
export function hrefOf(entity: TextEntity, text: string): string | undefined {
  const covered = text.slice(entity.offset, entity.offset + entity.length)
  const href = { link: entity.url ?? '', url: covered, email: `mailto:${covered}` }[entity.kind as string]
  return href && SAFE.test(href) && URL.canParse(href) ? href : undefined
}
