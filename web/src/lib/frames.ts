// Client events packed into as few frames as the protocol allows.
import type { ClientEvent } from './types'

/** The protocol allows 64 KiB; we stay well below. */
const FRAME_BYTES_MAX = 48 * 1024

const encoder = new TextEncoder()

export function frames(events: readonly ClientEvent[]): string[] {
  const packed: string[] = []
  let batch: string[] = []
  let bytes = 0
  for (const event of events) {
    const json = JSON.stringify(event)
    const size = encoder.encode(json).length + 1
    if (batch.length && bytes + size > FRAME_BYTES_MAX) {
      packed.push(`[${batch.join()}]`)
      batch = []
      bytes = 0
    }
    batch.push(json)
    bytes += size
  }
  if (batch.length) packed.push(batch.length === 1 ? batch[0]! : `[${batch.join()}]`)
  return packed
}
