// Who is signed in. The tokens live in HttpOnly cookies that no script can read; what is kept here is
// not secret: the profile to open with, and when the access cookie runs out.
import { Problem, problemOf } from './problems'
import type { Tokens, User } from './types'

const STORAGE_KEY = 'kaif.session'
const FRESH_MS = 30_000
const ATTEMPT_KEY = 'kaif.refreshing'
const ATTEMPT = /^[0-9a-f]{32}$/

interface Stored {
  user: User
  expires_at: number
}

class Session {
  user = $state.raw<User | undefined>()
  /** True when the server ended the session, so that the sign-in page can say so. */
  ended = $state(false)
  #expiresAt = 0

  constructor() {
    this.#load()
    addEventListener('storage', (event) => {
      if (event.key === STORAGE_KEY || event.key === null) this.#load()
    })
  }

  start(tokens: Tokens): void {
    this.ended = false
    this.#save({ user: tokens.user, expires_at: Date.now() + tokens.expires_in * 1000 })
  }

  /** What has become of the person: a name, a colour, an address. */
  keep(user: User): void {
    this.#save({ user, expires_at: this.#expiresAt })
  }

  end(ended = false): void {
    this.ended = ended
    this.user = undefined
    this.#expiresAt = 0
    localStorage.removeItem(STORAGE_KEY)
  }

  /** Make sure that the access cookie is good for the next request. */
  async fresh(): Promise<void> {
    if (this.user && this.#expiresAt - Date.now() < FRESH_MS) await this.refresh()
  }

  /** A refresh token is spent by one use, so only one tab may refresh at a time. */
  async refresh(): Promise<void> {
    const known = this.#expiresAt
    const refreshOnce = async (): Promise<void> => {
      this.#load()
      const anotherTabDidIt = this.#expiresAt > known
      if (this.user && !anotherTabDidIt) await this.#refresh()
    }
    await ('locks' in navigator ? navigator.locks.request('kaif-refresh', refreshOnce) : refreshOnce())
  }

  async #refresh(): Promise<void> {
    const attempt = begunAttempt()
    const response = await fetch('/v1/auth/refresh', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Kaif-Session': 'cookie' },
      body: JSON.stringify({ attempt }),
      // The answer with the next token should reach the browser even when the page does not live to see it.
      keepalive: true,
    }).catch(() => {
      throw new Problem('offline')
    })
    if (response.ok || response.status === 401) localStorage.removeItem(ATTEMPT_KEY)
    const body: unknown = await response.json().catch(() => undefined)
    if (response.ok) return this.start(body as Tokens)
    if (response.status === 401) this.end(true)
    throw problemOf(body, response)
  }

  #load(): void {
    const stored = parse(localStorage.getItem(STORAGE_KEY))
    this.#expiresAt = stored?.expires_at ?? 0
    // Another tab may have heard of a new name, or that the address is confirmed.
    if (JSON.stringify(stored?.user) !== JSON.stringify(this.user)) this.user = stored?.user
  }

  #save(stored: Stored): void {
    this.user = stored.user
    this.#expiresAt = stored.expires_at
    localStorage.setItem(STORAGE_KEY, JSON.stringify(stored))
  }
}

/**
 * The token is spent once the server has it, and the answer may be lost on its way. So the attempt is written down
 * before it is made: by the same name the server answers it again.
 */
function begunAttempt(): string {
  const kept = localStorage.getItem(ATTEMPT_KEY)
  if (kept && ATTEMPT.test(kept)) return kept
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const attempt = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  localStorage.setItem(ATTEMPT_KEY, attempt)
  return attempt
}

function parse(json: string | null): Stored | undefined {
  try {
    return json ? (JSON.parse(json) as Stored) : undefined
  } catch {
    return undefined
  }
}

export const session = new Session()
