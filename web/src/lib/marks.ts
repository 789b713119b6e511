// The marks of a message as its author types them (docs/realtime.md): the server reads them, this writes them.
import type { TextEntity } from './types'

const MARKS: Partial<Record<TextEntity['kind'], string>> = {
  bold: '**',
  italic: '*',
  strike: '~~',
  spoiler: '||',
  code: '`',
}
const CODE = new Set(['code', 'pre'])
const WHOLE = new Set(['url', 'email', 'mention', 'hashtag'])

/** The text with its marks, for its author to edit: read again, it gives the same. */
export function marked(text: string, entities: readonly TextEntity[] = []): string {
  const before = new Map<number, string>()
  const after = new Map<number, string>()
  const kept: [number, number][] = []
  const quotes: [number, number][] = []
  for (const entity of entities) {
    const end = entity.offset + entity.length
    if (CODE.has(entity.kind) || WHOLE.has(entity.kind)) kept.push([entity.offset, end])
    if (entity.kind === 'quote') quotes.push([entity.offset, end])
    const [open, close] = pair(entity, text)
    // Outer ones come first: they open before, and close after, what is inside.
    before.set(entity.offset, (before.get(entity.offset) ?? '') + open)
    after.set(end, close + (after.get(end) ?? ''))
  }
  const within = (ranges: [number, number][], at: number) =>
    ranges.some(([start, end]) => at >= start && at < end)
  let written = ''
  for (let at = 0; at <= text.length; at += 1) {
    written += after.get(at) ?? ''
    const lineStarts = at === 0 || text[at - 1] === '\n'
    if (lineStarts && within(quotes, at)) written += '> '
    written += before.get(at) ?? ''
    const sign = text[at]
    if (sign === undefined) break
    written += !within(kept, at) && readsAsMark(text, at) ? `\\${sign}` : sign
  }
  return written
}

function pair(entity: TextEntity, text: string): [string, string] {
  const mark = MARKS[entity.kind]
  if (mark) return [mark, mark]
  if (entity.kind === 'link') return ['[', `](${entity.url})`]
  if (entity.kind !== 'pre') return ['', '']
  const covered = text.slice(entity.offset, entity.offset + entity.length)
  const lines = entity.language || covered.includes('\n')
  return lines ? [`\`\`\`${entity.language ?? ''}\n`, '\n```'] : ['```', '```']
}

/** A letter that the server would take for a mark. */
function readsAsMark(text: string, at: number): boolean {
  const sign = text[at]!
  const opens = !/[\p{L}\p{N}]/u.test(text[at - 1] ?? ' ') && /\S/.test(text[at + 1] ?? ' ')
  if ('*_~|'.includes(sign)) return opens || text[at - 1] === sign
  if (sign === '`') return true
  if (sign === '[') return text.includes('](', at)
  if (sign === '>') return at === 0 || text[at - 1] === '\n'
  return sign === '\\' && /[\\*_~|`[\]()>#@]/.test(text[at + 1] ?? '')
}

export interface Selected {
  text: string
  start: number
  end: number
}

/** Put marks around what is selected, or take them away. */
export function toggled({ text, start, end }: Selected, mark: string): Selected {
  const inside = text.slice(start, end)
  const size = mark.length
  if (text.slice(start - size, start) === mark && text.slice(end, end + size) === mark) {
    return {
      text: text.slice(0, start - size) + inside + text.slice(end + size),
      start: start - size,
      end: end - size,
    }
  }
  return {
    text: text.slice(0, start) + mark + inside + mark + text.slice(end),
    start: start + size,
    end: end + size,
  }
}

/** Make what is selected a link, with the address selected, to be typed over. */
export function linked({ text, start, end }: Selected): Selected {
  const inside = text.slice(start, end)
  const address = 'https://'
  const at = start + inside.length + 3
  return {
    text: `${text.slice(0, start)}[${inside}](${address})${text.slice(end)}`,
    start: inside ? at : start + 1,
    end: inside ? at + address.length : start + 1,
  }
}

/** The keys with which marks are set, by their codes, so that a Russian layout works too. */
export const MARK_KEYS: Record<string, string> = {
  KeyB: '**',
  KeyI: '*',
  KeyE: '`',
}
export const SHIFTED_MARK_KEYS: Record<string, string> = {
  KeyX: '~~',
  KeyP: '||',
}
