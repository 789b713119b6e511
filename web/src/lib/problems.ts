// Problem documents (RFC 9457) as errors of this client, and as words for people.
import { isKey, t } from './i18n.svelte'

export class Problem extends Error {
  readonly code: string
  readonly status: number
  readonly retryAfterS: number | undefined
  /** The field at fault, when the server names one: "username" for "$.username". */
  readonly field: string | undefined

  constructor(code: string, status = 0, options: { retryAfterS?: number; field?: string } = {}) {
    super(code)
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.retryAfterS = options.retryAfterS
    this.field = options.field
  }
}

interface ProblemBody {
  code?: string
  path?: string
  details?: { path?: string }
}

export function problemOf(body: unknown, response: Response): Problem {
  const { code, path, details } = (body ?? {}) as ProblemBody
  const field = (details?.path ?? path)?.match(/^\$\.(\w+)/)?.[1]
  const retryAfterS = Number(response.headers.get('Retry-After')) || undefined
  return new Problem(code ?? 'unknown', response.status, {
    ...(field ? { field } : {}),
    ...(retryAfterS ? { retryAfterS } : {}),
  })
}

export function wordsFor(error: unknown): string {
  if (!(error instanceof Problem)) return t('problem.unknown')
  const busy = error.code === 'draining' || error.code === 'unavailable' ? 'busy' : error.code
  if (busy === 'too_many_requests' || busy === 'busy') {
    return error.retryAfterS ? t(`problem.${busy}`, { n: error.retryAfterS }) : t(`problem.${busy}_soon`)
  }
  const key = `problem.${busy}`
  return t(isKey(key) ? key : 'problem.unknown')
}
