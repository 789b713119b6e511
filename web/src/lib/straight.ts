// One try to upload a file: straight into the store where the server offers that and the store can be reached, else by
// tus. It is the same upload, so either goes on where the other was cut off. Keys live as long as their part is written.
import { api, ok } from './api'
import { backoffMs } from './backoff'
import { Problem } from './problems'
import { seal } from './sealing'
import { Course, NoWay, type StraightPart, type Wanted } from './straightCourse'
import * as tus from './tus'

type Offer = { offered: boolean; bytes_min: number }

/** What was asked is believed for so long; so long a store that could not be reached is left alone. */
const OFFER_MS = 10 * 60_000
const AWAY_MS = 10 * 60_000

/** The server takes it, but not this way. */
const OTHER_WAY = new Set([
  'straight_not_offered',
  'not_straight',
  'too_many_untaken_parts',
  'upload_is_joined',
])

let offer: { asked: Promise<Offer | undefined>; at: number } | undefined
let awayUntil = 0
let wasTold = false

export function send(wanted: tus.TryToSend): tus.Sending {
  const stopping = new AbortController()
  const { signal } = stopping
  let url = wanted.url
  const noting: tus.TryToSend = {
    ...wanted,
    begun: (at) => wanted.begun((url = at)),
    lost: () => {
      url = undefined
      wanted.lost()
    },
  }
  const done = (async () => {
    try {
      if (await mayGoStraight(wanted.file.size)) return await goStraight(noting, url, signal)
    } catch (error) {
      if (signal.aborted) return new Promise<never>(() => {})
      if (!(error instanceof NoWay)) throw error
      leaveAlone(error)
    }
    if (signal.aborted) return new Promise<never>(() => {})
    const sending = tus.send({ ...noting, url })
    signal.addEventListener('abort', sending.stop)
    return sending.done
  })()
  return { done, stop: () => stopping.abort() }
}

async function mayGoStraight(size: number): Promise<boolean> {
  // Whoever opens the page by http can't seal.
  if (!globalThis.crypto?.subtle || Date.now() < awayUntil) return false
  if (!offer || Date.now() - offer.at > OFFER_MS)
    offer = { asked: ok(api.GET('/v1/media/straight')).catch(() => undefined), at: Date.now() }
  const found = await offer.asked
  if (!found) offer = undefined
  return Boolean(found?.offered && size >= found.bytes_min)
}

function leaveAlone(why: NoWay): void {
  awayUntil = Date.now() + AWAY_MS
  if (wasTold) return
  wasTold = true
  console.info(`Files go by way of the server for a while: ${why.message}`)
}

async function goStraight(
  wanted: tus.TryToSend,
  begun: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const url = begun ?? (await tus.begin(wanted))
  signal.throwIfAborted()
  const ended = new AbortController()
  const stop = (): void => ended.abort()
  signal.addEventListener('abort', stop)
  const upload_id = url.slice(url.lastIndexOf('/') + 1)
  const course = new Course({
    size: wanted.file.size,
    ask: (asked) => ask(upload_id, asked, ended.signal),
    write: (part, progress) => write(wanted.file, part, progress, ended.signal),
    progress: wanted.progress,
    rest: (tries) => new Promise((resolve) => setTimeout(resolve, backoffMs(tries))),
  })
  try {
    return await course.run()
  } catch (error) {
    if (error instanceof Problem && error.status === 404) wanted.lost()
    if (error instanceof Problem && OTHER_WAY.has(error.code)) throw new NoWay(error.code)
    throw error
  } finally {
    course.stop()
    stop()
  }
}

function ask(upload_id: string, body: Wanted, signal: AbortSignal) {
  const params = { path: { upload_id } }
  return ok(api.POST('/v1/media/uploads/{upload_id}/straight', { params, body, signal }))
}

async function write(
  file: Blob,
  { start, length, key, url, headers }: StraightPart,
  progress: (sent: number) => void,
  signal: AbortSignal,
): Promise<number> {
  const sealed = await seal(await file.slice(start, start + length).arrayBuffer(), key)
  return put(url, headers, sealed, progress, signal)
}

/** By the one interface that tells how far it is. 0 when nobody answers. */
function put(
  url: string,
  headers: Record<string, string>,
  content: Uint8Array<ArrayBuffer>,
  progress: (sent: number) => void,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve) => {
    if (signal.aborted) return
    const request = new XMLHttpRequest()
    const stall = tus.watch(() => request.abort())
    const end = (): void => {
      stall.end()
      signal.removeEventListener('abort', stop)
      if (!signal.aborted) resolve(request.status)
    }
    const stop = (): void => request.abort()
    signal.addEventListener('abort', stop)
    request.open('PUT', url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded }) => {
      stall.touch(tus.STALLED_MS)
      progress(loaded)
    }
    request.onloadend = end
    stall.touch(tus.STALLED_MS)
    // Where a debugger looks on, bytes are copied to it and a blob is not.
    request.send(new Blob([content]))
  })
}
