import { expect, test } from 'vitest'
import { joined } from '../src/lib/webm'

const EBML = [0x1a, 0x45, 0xdf, 0xa3]
const SEGMENT = [0x18, 0x53, 0x80, 0x67]
const TRACKS = [0x16, 0x54, 0xae, 0x6b]
const CUES = [0x1c, 0x53, 0xbb, 0x6b]
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75]
const UNKNOWN = [1, 255, 255, 255, 255, 255, 255, 255]

const sized = (id: number[], ...body: number[]): number[] => [...id, 0x80 | body.length, ...body]
const opened = (id: number[], ...body: number[]): number[] => [...id, ...UNKNOWN, ...body]
const block = (ms: number, sound: number): number[] =>
  sized([0xa3], 0x81, (ms >> 8) & 255, ms & 255, 0x80, sound)
const lasting = (ms: number, sound: number): number[] =>
  sized([0xa0], ...sized([0xa1], 0x81, 0, ms, 0, sound))
const cluster = (ms: number, ...blocks: number[]): number[] =>
  opened(CLUSTER, ...sized([0xe7], ms >> 8, ms & 255), ...blocks)
const recording = (...clusters: number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array([...sized(EBML, 1), ...opened(SEGMENT, ...sized(TRACKS, 7), ...clusters, ...sized(CUES, 3))])

/** What is heard, and when. */
function heard(bytes: number[]): [number, number][] {
  const found: [number, number][] = []
  let clusterMs = 0
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === 0xe7 && bytes[at + 1] === 0x88) {
      clusterMs = bytes.slice(at + 2, at + 10).reduce((ms, byte) => ms * 256 + byte, 0)
      at += 9
    } else if ((bytes[at] === 0xa3 || bytes[at] === 0xa1) && bytes[at + 1] === 0x85) {
      const offset = ((bytes[at + 3]! << 24) >> 16) | bytes[at + 4]!
      found.push([clusterMs + offset, bytes[at + 6]!])
      at += 6
    }
  }
  return found
}

const join = (...recordings: Uint8Array<ArrayBuffer>[]): number[] =>
  joined(recordings).flatMap((bytes) => [...bytes])

const count = (bytes: number[], id: number[]): number =>
  bytes.filter((_, at) => id.every((byte, place) => bytes[at + place] === byte)).length

test('what is said after a pause follows what was said before, in one recording', () => {
  const before = recording(...cluster(0, ...block(0, 1), ...block(60, 2)), ...cluster(1000, ...block(-5, 3)))
  const after = recording(...cluster(0, ...block(0, 4), ...lasting(60, 5)))

  const whole = join(before, after, recording(...cluster(0, ...block(0, 6))))

  expect(heard(whole)).toEqual([
    [0, 1],
    [60, 2],
    [995, 3],
    [1055, 4],
    [1115, 5],
    [1175, 6],
  ])
  expect([EBML, SEGMENT, TRACKS, CUES].map((id) => count(whole, id))).toEqual([1, 1, 1, 0])
})

test('what broke off in the middle of a sound is left out, and what follows it is not', () => {
  const broken = recording(...cluster(0, ...block(0, 1), ...block(60, 2))).slice(0, -9)
  expect(heard(join(broken, recording(...cluster(0, ...block(0, 3)))))).toEqual([
    [0, 1],
    [60, 3],
  ])
})

test('what is nothing at all ends it without a word', () => {
  expect(join(new Uint8Array(40), new Uint8Array([0x1a, 0x45]))).toEqual([])
})
