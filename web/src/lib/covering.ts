// What its writer has covered stays covered wherever a message is shown as a line.
import type { Entry } from './types'

const COVER = '▒'

/** With as many signs of cover as there are covered characters: one for each code point, as the server has it. */
export function covered(text: string, entities: Entry['entities']): string {
  let shown = ''
  let at = 0
  for (const { kind, offset, length } of entities ?? []) {
    if (kind !== 'spoiler') continue
    const start = Math.max(at, offset)
    const end = Math.max(at, offset + length)
    shown += text.slice(at, start) + COVER.repeat([...text.slice(start, end)].length)
    at = end
  }
  return shown + text.slice(at)
}
