// A history on its way here: part by part, then file by file. What has come stays when the network goes, so that it
// goes on from there; and nothing is saved before all of it is here. The browser keeps blobs out of the page's memory.
import { makeZip } from 'client-zip'
import { backoffMs } from './backoff'
import { t } from './i18n.svelte'
import { LINKS_AT_ONCE, type HistorySource, type Piece, type WantedHistory } from './history'
import { Problem } from './problems'
import type { HistoryPart } from './types'

type File = NonNullable<HistoryPart['files']>[number]
type Wait = (ms: number, signal: AbortSignal) => Promise<void>

/** Of an archive: more than that few browsers hold. */
export const FILES_BYTES_MAX = 2_000_000_000
const PIECE_BYTES = 8_000_000
/** In a row; half a minute lies between the last ones. */
const TRIES_MAX = 10
const TYPES = { json: 'application/json', html: 'text/html;charset=utf-8' } as const

export class HistoryDownload {
  readonly wanted: WantedHistory
  stage = $state<'reading' | 'files' | 'packing'>('reading')
  /** Of the log. */
  entries = $state(0)
  filesTaken = $state(0)
  bytesTaken = $state(0)
  filesTotal = $state(0)
  bytesTotal = $state(0)
  /** Paths of files that were not to be had, or that there was no room for. */
  leftOut = $state.raw<readonly string[]>([])
  #parts: Blob[] = []
  #cursor: string | undefined = ''
  /** By their paths, as one that was forwarded comes several times. */
  #files = new Map<string, File>()
  #contents = new Map<string, Blob>()
  /** Of the file that is under way. */
  #pieces: Blob[] = []
  /** Of the files that have come whole. */
  #bytesBefore = 0
  #links = new Map<string, string>()
  readonly #abort = new AbortController()
  readonly #source: HistorySource
  readonly #wait: Wait

  constructor(wanted: WantedHistory, source: HistorySource, wait: Wait = pause) {
    this.wanted = wanted
    this.#source = source
    this.#wait = wait
  }

  get cancelled(): boolean {
    return this.#abort.signal.aborted
  }

  cancel(): void {
    this.#abort.abort()
  }

  /** All of it; called again after a failure it goes on. Raises a Problem, or an AbortError once it is cancelled. */
  async run(): Promise<Blob> {
    await this.#read()
    const content = new Blob(this.#parts, { type: TYPES[this.wanted.format] })
    if (!this.wanted.withFiles) return content
    this.stage = 'files'
    await this.#takeFiles()
    this.stage = 'packing'
    return this.#pack(content)
  }

  async #read(): Promise<void> {
    while (this.#cursor !== undefined) {
      const cursor = this.#cursor
      const part = await this.#persist((signal) => this.#source.part(this.wanted, cursor, signal))
      this.#parts.push(new Blob([part.content]))
      this.entries += part.entries ?? 0
      for (const file of part.files ?? []) this.#note(file)
      this.#cursor = part.next_cursor ?? undefined
    }
  }

  #note(file: File): void {
    if (this.#files.has(file.path)) return
    if (this.bytesTotal + file.size > FILES_BYTES_MAX) {
      if (!this.leftOut.includes(file.path)) this.leftOut = [...this.leftOut, file.path]
      return
    }
    this.#files.set(file.path, file)
    this.filesTotal += 1
    this.bytesTotal += file.size
  }

  async #takeFiles(): Promise<void> {
    const wanted = [...this.#files.values()].filter(({ path }) => !this.#contents.has(path))
    for (let at = 0; at < wanted.length; at += LINKS_AT_ONCE) {
      const some = wanted.slice(at, at + LINKS_AT_ONCE)
      this.#links = await this.#ask(some.map(({ media_id }) => media_id))
      for (const file of some) await this.#take(file)
    }
  }

  #ask(mediaIds: string[]): Promise<Map<string, string>> {
    return this.#persist((signal) => this.#source.links([...new Set(mediaIds)], signal))
  }

  async #take(file: File): Promise<void> {
    let taken = this.#pieces.reduce((sum, { size }) => sum + size, 0)
    for (let total = Infinity; taken < total;) {
      const piece = await this.#piece(file, taken)
      if (!piece) return this.#leaveOut(file)
      total = piece.total
      this.#pieces.push(piece.content)
      taken += piece.content.size
      this.bytesTaken = this.#bytesBefore + Math.min(taken, file.size)
    }
    this.#contents.set(file.path, new Blob(this.#pieces))
    this.#pieces = []
    this.filesTaken += 1
    this.#bytesBefore += file.size
    this.bytesTaken = this.#bytesBefore
  }

  /** A link that opens nothing has expired, or the file is no more for our eyes: a new one tells which. */
  async #piece({ media_id }: File, start: number): Promise<Piece | undefined> {
    for (const renewed of [false, true]) {
      const link = renewed ? (await this.#ask([media_id])).get(media_id) : this.#links.get(media_id)
      if (!link) return undefined
      this.#links.set(media_id, link)
      const piece = await this.#persist((signal) => this.#source.piece(link, start, PIECE_BYTES, signal))
      if (piece) return piece
    }
    return undefined
  }

  #leaveOut({ path, size }: File): void {
    this.bytesTaken = this.#bytesBefore
    this.#pieces = []
    this.#files.delete(path)
    this.filesTotal -= 1
    this.bytesTotal -= size
    this.leftOut = [...this.leftOut, path]
  }

  async #pack(content: Blob): Promise<Blob> {
    const signal = this.#abort.signal
    const files = [{ name: `history.${this.wanted.format}`, input: content.stream() }]
    for (const [name, blob] of this.#contents) files.push({ name, input: blob.stream() })
    if (this.leftOut.length) {
      const list = new Blob([[t('history.left_out_list'), ...this.leftOut, ''].join('\n')])
      files.push({ name: t('history.left_out_file'), input: list.stream() })
    }
    const archive = new Response(makeZip(files), { headers: { 'Content-Type': 'application/zip' } })
    const blob = await archive.blob()
    signal.throwIfAborted()
    return blob
  }

  /** What passes by itself is waited for: as long as the server says, else twice as long each time. */
  async #persist<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#abort
    for (let tries = 1; ; tries += 1) {
      signal.throwIfAborted()
      try {
        return await ask(signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!passes(error) || tries === TRIES_MAX) throw error
        await this.#wait(error.retryAfterS ? error.retryAfterS * 1000 : backoffMs(tries + 1), signal)
      }
    }
  }
}

function passes(error: unknown): error is Problem {
  return error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500)
}

/** Until then, or until it is cancelled. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    signal.addEventListener('abort', over)
  })
}
