// One try to upload a file by tus 1.0 (docs/media.md), with the stock client. Trying again is the caller's.
import type { DetailedError } from 'tus-js-client'
import { Problem } from './problems'
import { session } from './session.svelte'

const ENDPOINT = '/v1/media/uploads'
/** A connection over which nothing has gone for so long is dead, whether or not the browser knows. */
export const STALLED_MS = 30_000
/** All has gone: the server looks at what it has. */
const LOOKED_AT_MS = 120_000
/** Nothing is left there to go on with; any other refusal may pass, and the upload with it. */
const GONE = [404, 410]

export interface TryToSend {
  file: Blob
  name: string
  type: string
  voice: boolean
  /** Where an earlier try began. */
  url: string | undefined
  begun: (url: string) => void
  /** What an earlier try began is no longer there. */
  lost: () => void
  progress: (sent: number) => void
}

export interface Sending {
  /** The id of what the server made of it. Raises a Problem; settles no more once it was stopped. */
  done: Promise<string>
  stop: () => void
}

export function send(wanted: TryToSend): Sending {
  let stopped = false
  let abort = (): void => {}
  const done = (async () => {
    const { Upload, DetailedError } = await import('tus-js-client')
    if (stopped) return new Promise<never>(() => {})
    return new Promise<string>((resolve, reject) => {
      const stall = watch(() => fail(new Problem('offline')))
      const fail = (error: unknown): void => {
        stall.end()
        abort()
        reject(error)
      }
      const upload = new Upload(wanted.file, {
        endpoint: ENDPOINT,
        uploadUrl: wanted.url ?? null,
        // Marks a browser session, as with every other request.
        headers: { 'Kaif-Session': 'cookie' },
        metadata: metadataOf(wanted),
        retryDelays: null,
        storeFingerprintForResuming: false,
        onBeforeRequest: async () => {
          await session.fresh()
          stall.touch(STALLED_MS)
        },
        onAfterResponse: (request, response) => {
          const status = response.getStatus()
          if (request.getMethod() !== 'HEAD' || status < 400) return
          if (GONE.includes(status)) return wanted.lost()
          // The library begins anew whatever the refusal was; what has arrived would be sent again.
          const problem = new Problem(codeOf(status), status)
          fail(problem)
          throw problem
        },
        onUploadUrlAvailable: () => {
          if (upload.url) wanted.begun(upload.url)
        },
        onProgress: (sent, total) => {
          stall.touch(sent < total ? STALLED_MS : LOOKED_AT_MS)
          wanted.progress(sent)
        },
        onSuccess: ({ lastResponse }) => {
          stall.end()
          const id = lastResponse.getHeader('Kaif-Media-Id')
          if (id) resolve(id)
          else reject(new Problem('unavailable', 503))
        },
        onError: (error) => fail(error instanceof DetailedError ? problemIn(error) : new Problem('unknown')),
      })
      abort = () => {
        stall.end()
        void upload.abort().catch(() => {})
      }
      upload.start()
    })
  })()
  return {
    done,
    stop: () => {
      stopped = true
      abort()
    },
  }
}

/** Room is made for it; where that is. Raises a Problem. */
export async function begin(wanted: TryToSend): Promise<string> {
  await session.fresh()
  const metadata = Object.entries(metadataOf(wanted)).map(([name, value]) => `${name} ${base64(value)}`)
  const response = await fetch(ENDPOINT, {
    method: 'POST',
    headers: {
      'Kaif-Session': 'cookie',
      'Tus-Resumable': '1.0.0',
      'Upload-Length': String(wanted.file.size),
      'Upload-Metadata': metadata.join(','),
    },
  }).catch(() => {
    throw new Problem('offline')
  })
  const location = response.headers.get('Location')
  if (!response.ok || !location)
    throw refusalOf(response.status, await response.text(), response.headers.get('Retry-After'))
  const url = new URL(location, window.location.href).href
  wanted.begun(url)
  return url
}

function metadataOf({ name, type, voice }: TryToSend): Record<string, string> {
  return {
    filename: name,
    ...(type ? { filetype: type } : {}),
    ...(voice ? { voice: 'true' } : {}),
    // It is there for the message that will show it.
    keep: 'false',
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}

/** Nobody goes on with it: the server need not wait for the rest. */
export async function forget(url: string): Promise<void> {
  await session.fresh()
  await fetch(url, { method: 'DELETE', headers: { 'Kaif-Session': 'cookie', 'Tus-Resumable': '1.0.0' } })
}

/** Told when nothing has been touched for so long. */
export function watch(stalled: () => void): { touch: (ms: number) => void; end: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = (): void => clearTimeout(timer)
  return {
    touch: (ms) => {
      end()
      timer = setTimeout(stalled, ms)
    },
    end,
  }
}

function codeOf(status: number): string {
  if (status === 401) return 'unauthenticated'
  return status === 429 ? 'too_many_requests' : 'unavailable'
}

/** What the server said of a file, with the number that goes with it. */
export class Refusal extends Problem {
  /** How much may be, or is left. */
  readonly bytes: number | undefined

  constructor(code: string, status: number, retryAfterS?: number, bytes?: number) {
    super(code, status, retryAfterS ? { retryAfterS } : {})
    this.bytes = bytes
  }
}

function problemIn({ originalResponse: response }: DetailedError): Problem {
  if (!response || response.getStatus() === 0) return new Problem('offline')
  return refusalOf(response.getStatus(), response.getBody(), response.getHeader('Retry-After'))
}

function refusalOf(status: number, body: string, retryAfter: string | null | undefined): Refusal {
  const { code, bytes_max, bytes_free } = parse(body)
  return new Refusal(code ?? 'unknown', status, Number(retryAfter) || undefined, bytes_max ?? bytes_free)
}

function parse(json: string): { code?: string; bytes_max?: number; bytes_free?: number } {
  try {
    return JSON.parse(json) as object
  } catch {
    return {}
  }
}
