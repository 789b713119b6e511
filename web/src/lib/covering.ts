// What its writer has covered stays covered wherever a message is shown as a line.
import type { Entry } from './types'

/** As long as it was, so that the places of other entities stay right. */
export function covered(text: string, entities: Entry['entities']): string {
  for (const { kind, offset, length } of entities ?? [])
    if (kind === 'spoiler') text = text.slice(0, offset) + '▒'.repeat(length) + text.slice(offset + length)
  return text
}
