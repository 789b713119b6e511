// Problem documents (RFC 9457) as errors of this client, and as words for people.
import { isKey, t } from './i18n.svelte'

export interface SecondStep {
  challenge: string
  methods: string[]
  /** Whose account it is, where the person did not say. */
  username?: string
}

/** Somebody whom a sign-in service knows and this server does not. */
export interface Newcomer {
  ticket: string
  service: string
  username: string
  display_name: string
  email: string
  email_verified: boolean
}

interface Options {
  retryAfterS?: number
  field?: string
  secondStep?: SecondStep
  ticket?: string
  newcomer?: Newcomer
  reason?: string
  uri?: string
}

export class Problem extends Error {
  readonly code: string
  readonly status: number
  readonly retryAfterS: number | undefined
  /** The field at fault, when the server names one: "username" for "$.username". */
  readonly field: string | undefined
  /** What goes on by a second step, when the server wants one. */
  readonly secondStep: SecondStep | undefined
  /** What an account can be made with, when the server knows nobody by a wallet. */
  readonly ticket: string | undefined
  /** Who may make an account with this ticket. */
  readonly newcomer: Newcomer | undefined
  /** What did not fit, where the server tells reasons apart. */
  readonly reason: string | undefined
  /** Which of several addresses is at fault. */
  readonly uri: string | undefined

  constructor(code: string, status = 0, options: Options = {}) {
    super(code)
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.retryAfterS = options.retryAfterS
    this.field = options.field
    this.secondStep = options.secondStep
    this.ticket = options.ticket
    this.newcomer = options.newcomer
    this.reason = options.reason
    this.uri = options.uri
  }
}

interface ProblemBody extends Partial<Newcomer> {
  code?: string
  path?: string
  details?: { path?: string }
  challenge?: string
  methods?: string[]
  reason?: unknown
  uri?: unknown
}

export function problemOf(body: unknown, response: Response): Problem {
  const said = (body ?? {}) as ProblemBody
  const { code, path, details, challenge, methods, username, ticket } = said
  const field = (details?.path ?? path)?.match(/^\$\.(\w+)/)?.[1]
  const retryAfterS = Number(response.headers.get('Retry-After')) || undefined
  return new Problem(code ?? 'unknown', response.status, {
    ...(field ? { field } : {}),
    ...(retryAfterS ? { retryAfterS } : {}),
    ...(challenge && methods
      ? { secondStep: { challenge, methods, ...(username ? { username } : {}) } }
      : {}),
    ...(ticket ? { ticket } : {}),
    ...(typeof said.reason === 'string' ? { reason: said.reason } : {}),
    ...(typeof said.uri === 'string' ? { uri: said.uri } : {}),
    ...(code === 'registration_needed' ? { newcomer: said as Newcomer } : {}),
  })
}

/** Of a refusal of which only the code is kept, if there are words for it. */
export function reasonFor(code: string | undefined): string {
  return code && isKey(`problem.${code}`) ? wordsFor(new Problem(code)) : ''
}

export function wordsFor(error: unknown): string {
  if (!(error instanceof Problem)) return t('problem.unknown')
  const busy = error.code === 'draining' || error.code === 'unavailable' ? 'busy' : error.code
  if (busy === 'too_many_requests' || busy === 'busy') {
    return error.retryAfterS ? t(`problem.${busy}`, { n: error.retryAfterS }) : t(`problem.${busy}_soon`)
  }
  if (busy === 'too_many_tries')
    return t('problem.too_many_tries', { n: Math.ceil((error.retryAfterS ?? 60) / 60) })
  const key = `problem.${busy}`
  return t(isKey(key) ? key : 'problem.unknown')
}
