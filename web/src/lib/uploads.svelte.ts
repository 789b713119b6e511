// Files on their way to the server: several at once, each going on where it was cut off, after a loss of the network
// and after a reload. Each is known by an id of this browser until the server has made a file of it.
import { SvelteMap } from 'svelte/reactivity'
import { backoffMs } from './backoff'
import { KeptFiles, type KeptUpload } from './keptFiles'
import { forgetPicture, pictureOf, RecentPictures, type Picture } from './localPictures'
import { newRef } from './outbox'
import { Problem } from './problems'
import { send } from './straight'
import { forget, type Sending } from './tus'
import { session } from './session.svelte'

const AT_ONCE = 3
/** Refusals of which each may pass by itself, one after the other and with nothing sent in between. */
const TRIES_MAX = 12
/** What nobody needs any more may be somebody's in another tab that has not written it down yet. */
const ORPHAN_MS = 60 * 60_000

const PASSING = new Set([
  'too_many_requests',
  'busy',
  'draining',
  'internal',
  'unavailable',
  'storage_full',
  'timed_out',
  'upload_not_found',
  'upload_displaced',
  'wrong_offset',
  'body_broke_off',
  'unauthenticated',
  'token_expired',
])

/** `lost`: this browser no longer has the file, which must be chosen again. */
export type UploadState = 'waiting' | 'sending' | 'offline' | 'paused' | 'done' | 'failed' | 'lost'

export class Upload {
  readonly id: string
  readonly name: string
  readonly size: number
  readonly modified: number
  readonly at: number
  readonly voice: boolean
  type: string
  state = $state<UploadState>('waiting')
  sent = $state(0)
  problem = $state.raw<Problem>()
  mediaId = $state<string>()
  file = $state.raw<Blob>()
  /** What is seen of it here, once it was looked at; null when nothing is. */
  picture = $state.raw<Picture | null>()
  /** False when a reload loses it. */
  kept = $state(true)
  url: string | undefined

  constructor(kept: KeptUpload, file?: Blob) {
    this.id = kept.id
    this.name = kept.name
    this.type = kept.type
    this.size = kept.size
    this.modified = kept.modified
    this.at = kept.at
    this.voice = kept.voice ?? false
    this.url = kept.url
    this.mediaId = kept.mediaId
    this.file = file
    this.state = kept.mediaId ? 'done' : !file ? 'lost' : kept.paused ? 'paused' : 'waiting'
    if (kept.mediaId) this.sent = kept.size
  }

  get percent(): number {
    return this.size ? Math.min(100, Math.floor((this.sent / this.size) * 100)) : 0
  }

  get record(): KeptUpload {
    const { id, name, type, size, modified, at, voice, url, mediaId } = this
    return {
      id,
      name,
      type,
      size,
      modified,
      at,
      voice,
      paused: this.state === 'paused',
      ...(url ? { url } : {}),
      ...(mediaId ? { mediaId } : {}),
    }
  }
}

class Uploads {
  /** Told of each that is done or can't be. */
  settled: (upload: Upload) => void = () => {}
  /** Told of each that the server has just taken. */
  arrived: (upload: Upload) => void = () => {}
  readonly #uploads = new SvelteMap<string, Upload>()
  /** Pictures of this browser by the file's id at the server, so that what was sent does not blink. */
  readonly #pictures = new RecentPictures()
  readonly #running = new Map<string, AbortController>()
  #kept: KeptFiles | undefined

  constructor() {
    addEventListener('online', () => this.#wake())
    addEventListener('offline', () => this.#wake())
  }

  /** What was on its way when the page was left. */
  async start(userId: string, needed: () => ReadonlySet<string>): Promise<void> {
    this.#kept = new KeptFiles(userId)
    const wanted = needed()
    for (const record of await this.#kept.all()) {
      if (this.#uploads.has(record.id)) continue
      if (!wanted.has(record.id)) {
        if (Date.now() - record.at > ORPHAN_MS) void this.#drop(record.id, record.url)
        continue
      }
      const upload = new Upload(record, await this.#kept.file(record.id))
      this.#uploads.set(record.id, upload)
      this.#show(upload)
    }
    this.#pump()
    for (const upload of this.#uploads.values())
      if (upload.state === 'done' || upload.state === 'lost') this.settled(upload)
  }

  /** The page goes on without them; they stay for the next time. */
  stop(): void {
    for (const controller of this.#running.values()) controller.abort()
    this.#running.clear()
    for (const { picture } of this.#uploads.values()) if (picture) forgetPicture(picture)
    this.#uploads.clear()
  }

  /** Erase what this browser kept. */
  clear(): void {
    const kept = this.#kept
    this.stop()
    this.#pictures.clear()
    void kept?.clear()
  }

  get(id: string): Upload | undefined {
    return this.#uploads.get(id)
  }

  /** The picture as this browser has it, of a file that was just sent from here. */
  pictureOf(mediaId: string): Picture | undefined {
    return this.#pictures.get(mediaId)
  }

  /** `type` is what the sender believes; without one the server takes the file as whatever it is. */
  add(file: Blob, name: string, { type = file.type, voice = false } = {}): Upload {
    const now = Date.now()
    const modified = file instanceof File ? file.lastModified : now
    const upload = new Upload({ id: newRef(), name, type, size: file.size, modified, at: now, voice }, file)
    this.#uploads.set(upload.id, upload)
    this.#show(upload)
    void this.#keep(upload)
    this.#pump()
    return upload
  }

  /** What the server has already, uploaded from another device. */
  adopt(mediaId: string, { name, type, size }: { name: string; type: string; size: number }): Upload {
    const upload = new Upload({ id: newRef(), name, type, size, modified: 0, at: Date.now(), mediaId })
    this.#uploads.set(upload.id, upload)
    void this.#kept?.put(upload.record)
    return upload
  }

  /** Of what was said to be here and is not: it can be chosen again. */
  miss(id: string, { name, type, size }: { name: string; type: string; size: number }): void {
    if (this.#uploads.has(id)) return
    this.#uploads.set(id, new Upload({ id, name, type, size, modified: 0, at: Date.now() }))
  }

  pause(id: string): void {
    this.#set(id, 'paused')
  }

  resume(id: string): void {
    this.#set(id, 'waiting')
  }

  /** Once more after it failed; `asFile` whatever its content is. */
  retry(id: string, asFile = false): void {
    const upload = this.#uploads.get(id)
    if (!upload || (upload.state !== 'failed' && upload.state !== 'done')) return
    upload.problem = undefined
    if (asFile) upload.type = ''
    this.#set(id, upload.file ? 'waiting' : 'lost')
  }

  /** The server no longer has what was made of it. */
  again(id: string): void {
    const upload = this.#uploads.get(id)
    if (!upload) return
    upload.url = upload.mediaId = undefined
    upload.sent = 0
    this.retry(id)
  }

  /** The file was chosen again: false when it is another one. */
  give(id: string, file: File): boolean {
    const upload = this.#uploads.get(id)
    if (!upload || upload.state !== 'lost') return false
    const same = upload.modified === 0 || upload.modified === file.lastModified
    if (file.name !== upload.name || file.size !== upload.size || !same) return false
    upload.file = file
    this.#show(upload)
    void this.#keep(upload)
    this.#set(id, 'waiting')
    return true
  }

  /** It is not wanted any more, or it has arrived and is shown by its message. */
  release(id: string): void {
    const upload = this.#uploads.get(id)
    this.#stop(id)
    this.#uploads.delete(id)
    if (upload?.picture && upload.mediaId) this.#pictures.set(upload.mediaId, upload.picture)
    else if (upload?.picture) forgetPicture(upload.picture)
    void this.#drop(id, upload?.mediaId ? undefined : upload?.url)
    this.#pump()
  }

  #set(id: string, state: UploadState): void {
    const upload = this.#uploads.get(id)
    if (!upload) return
    this.#stop(id)
    upload.state = state
    void this.#kept?.put(upload.record)
    this.#pump()
  }

  #stop(id: string): void {
    this.#running.get(id)?.abort()
    this.#running.delete(id)
  }

  async #keep(upload: Upload): Promise<void> {
    await this.#kept?.put(upload.record)
    upload.kept = (await this.#kept?.keep(upload.id, upload.file!)) ?? false
  }

  async #drop(id: string, url?: string): Promise<void> {
    await this.#kept?.delete(id)
    if (url) await forget(url).catch(() => {})
  }

  #show(upload: Upload): void {
    if (!upload.file) return
    const showing = pictureOf(upload.file)
    void showing.then((picture) => {
      if (this.#uploads.get(upload.id) === upload) upload.picture = picture ?? null
      else if (picture) forgetPicture(picture)
    })
  }

  /** The network came or went: whoever waits tries at once, whoever sends notices. */
  #wake(): void {
    for (const [id, upload] of this.#uploads) {
      if (upload.state !== 'sending' && upload.state !== 'offline') continue
      this.#stop(id)
      upload.state = navigator.onLine ? 'waiting' : 'offline'
    }
    this.#pump()
  }

  #pump(): void {
    for (const upload of this.#uploads.values()) {
      if (this.#running.size >= AT_ONCE) return
      if (upload.state !== 'waiting' || !upload.file) continue
      const controller = new AbortController()
      this.#running.set(upload.id, controller)
      upload.state = navigator.onLine ? 'sending' : 'offline'
      void this.#run(upload, controller.signal)
    }
  }

  async #run(upload: Upload, signal: AbortSignal): Promise<void> {
    // Of several tabs one sends a file; should it be closed, the next goes on.
    const alone = (): Promise<void> => this.#sendAlone(upload, signal)
    try {
      await ('locks' in navigator
        ? navigator.locks.request(`kaif-upload.${upload.id}`, { signal }, alone)
        : alone())
    } catch (error) {
      if (signal.aborted) return
      upload.problem = error instanceof Problem ? error : new Problem('unknown')
      upload.state = upload.problem.code === 'file_unreadable' ? 'lost' : 'failed'
      this.settled(upload)
    }
    if (signal.aborted) return
    this.#running.delete(upload.id)
    this.#pump()
  }

  async #sendAlone(upload: Upload, signal: AbortSignal): Promise<void> {
    const record = await this.#kept?.get(upload.id)
    if (signal.aborted) return
    // What another tab has done meanwhile counts.
    upload.url = record?.url ?? upload.url
    upload.mediaId = record?.mediaId
    upload.mediaId ??= await this.#sendUntilThere(upload, signal)
    if (signal.aborted) return
    upload.sent = upload.size
    upload.state = 'done'
    await this.#kept?.put(upload.record)
    this.arrived(upload)
    this.settled(upload)
  }

  async #sendUntilThere(upload: Upload, signal: AbortSignal): Promise<string | undefined> {
    for (let tries = 0; !signal.aborted;) {
      const before = upload.sent
      try {
        return await this.#try(upload, signal)
      } catch (error) {
        if (signal.aborted) break
        await mustBeReadable(upload.file!)
        tries = upload.sent > before ? 1 : tries + 1
        if (!(error instanceof Problem) || !mayPass(error)) throw error
        if (error.code !== 'offline' && tries > TRIES_MAX) throw error
        if (error.status === 401) await session.refresh()
        if (error.code === 'offline') upload.state = 'offline'
        await sleep(error.retryAfterS ? error.retryAfterS * 1000 : backoffMs(tries + 1), signal)
      }
    }
    return undefined
  }

  #try(upload: Upload, signal: AbortSignal): Promise<string> {
    const sending: Sending = send({
      file: upload.file!,
      name: upload.name,
      type: upload.type,
      voice: upload.voice,
      url: upload.url,
      begun: (url) => {
        if (url === upload.url) return
        upload.url = url
        void this.#kept?.put(upload.record)
      },
      lost: () => {
        upload.url = undefined
        upload.sent = 0
      },
      progress: (sent) => {
        upload.sent = sent
        upload.state = 'sending'
      },
    })
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        sending.stop()
        reject(new Problem('stopped'))
      }
      signal.addEventListener('abort', stop)
      sending.done.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    })
  }
}

function mayPass({ code, status }: Problem): boolean {
  return code === 'offline' || PASSING.has(code) || status >= 500
}

/** A file that was moved or changed since it was chosen can't be read; the request for it fails as if there were no net. */
async function mustBeReadable(file: Blob): Promise<void> {
  await file
    .slice(0, 1)
    .arrayBuffer()
    .catch(() => {
      throw new Problem('file_unreadable')
    })
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const timer = setTimeout(wake, ms)
    signal.addEventListener('abort', wake)
  })
}

export const uploads = new Uploads()
