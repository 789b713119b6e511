// Joins what a browser recorded before and after a pause (WebM, RFC 9559; each of which begins at nought) into one.
const EBML = 0x1a45dfa3
const SEGMENT = 0x18538067
const INFO = 0x1549a966
const TRACKS = 0x1654ae6b
const CLUSTER = 0x1f43b675
const TIMESTAMP = 0xe7
const SIMPLE_BLOCK = 0xa3
const BLOCK_GROUP = 0xa0
const BLOCK = 0xa1
/** The longest frame of Opus that browsers make: the last one has said nothing of how long it is. */
const FRAME_MS = 60

interface Element {
  id: number
  start: number
  body: number
  end: number
}

export function joined(recordings: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer>[] {
  const out: Uint8Array<ArrayBuffer>[] = []
  let beginMs = 0
  for (const bytes of recordings) {
    let [clusterMs, lastMs] = [beginMs, beginMs]
    for (const element of elementsOf(bytes)) {
      const { id, start, body, end } = element
      if (id === TIMESTAMP) {
        clusterMs = beginMs + numberIn(bytes.subarray(body, end))
        out.push(clusterFrom(clusterMs))
      } else if (id === SIMPLE_BLOCK || id === BLOCK_GROUP) {
        lastMs = Math.max(lastMs, clusterMs + offsetOf(bytes, element))
        out.push(bytes.subarray(start, end))
      } else if (beginMs === 0 && (id === EBML || id === INFO || id === TRACKS)) {
        out.push(bytes.subarray(start, end))
      } else if (beginMs === 0 && id === SEGMENT) out.push(unknownSize(SEGMENT))
    }
    beginMs = lastMs + FRAME_MS
  }
  return out
}

/** One after the other, without telling what holds what; what was broken off is left out. */
function* elementsOf(bytes: Uint8Array): Generator<Element> {
  for (let at = 0; at < bytes.length;) {
    const idLength = lengthAt(bytes, at)
    const sizeLength = lengthAt(bytes, at + idLength)
    const body = at + idLength + sizeLength
    if (idLength > 4 || sizeLength > 8 || body > bytes.length) return
    const id = numberIn(bytes.subarray(at, at + idLength))
    const opens = id === SEGMENT || id === CLUSTER
    const end = opens ? body : body + sizeIn(bytes.subarray(at + idLength, body))
    if (end > bytes.length) return
    yield { id, start: at, body, end }
    at = end
  }
}

/** Of a number of variable length (RFC 8794, 4.1), by its first byte. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return Math.clz32(bytes[at] ?? 0) - 23
}

function numberIn(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 256 + byte, 0)
}

function sizeIn(bytes: Uint8Array): number {
  return numberIn(bytes) - 2 ** (7 * bytes.length)
}

/** Of a block from its cluster's beginning, in milliseconds as browsers count them. */
function offsetOf(bytes: Uint8Array, { id, body, end }: Element): number {
  const block = bytes.subarray(body, end)
  if (id === BLOCK_GROUP) {
    const inner = [...elementsOf(block)].find((element) => element.id === BLOCK)
    return inner ? offsetOf(block, inner) : 0
  }
  const at = lengthAt(block, 0)
  return (((block[at] ?? 0) << 24) >> 16) | (block[at + 1] ?? 0)
}

function clusterFrom(ms: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array([...unknownSize(CLUSTER), TIMESTAMP, 0x88, 0, 0, 0, 0, 0, 0, 0, 0])
  new DataView(head.buffer).setBigUint64(head.length - 8, BigInt(ms))
  return head
}

function unknownSize(id: number): Uint8Array<ArrayBuffer> {
  const unknown = [1, 255, 255, 255, 255, 255, 255, 255]
  return new Uint8Array([id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255, ...unknown])
}
