// The one HTTP client. Its paths, bodies and answers are typed from openapi.json.
import createClient from 'openapi-fetch'
import type { paths } from '../api.gen'
import { withCaptcha } from './captcha'
import { Problem, problemOf } from './problems'
import { session } from './session.svelte'
import { stepUp, type Method } from './stepUp.svelte'

export const api = createClient<paths>({
  baseUrl: '/',
  // Marks a browser session and, being a custom header, keeps other sites' forms out.
  headers: { 'Kaif-Session': 'cookie' },
  fetch: fetchFresh,
})

/** The answer's body, or a Problem. */
export async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (response.ok) return data as T
  throw problemOf(error, response)
}

async function fetchFresh(request: Request): Promise<Response> {
  await session.fresh()
  const later = request.clone()
  const response = await sendSignedIn(request)
  const { code, methods } = await refusal(response)
  if (code === 'captcha_required') {
    const answered = await withCaptcha(later, send)
    return answered ? sendSignedIn(answered) : response
  }
  // Whoever does not want to prove it gets the refusal as it was.
  return code === 'step_up_required' && (await stepUp.ask(methods)) ? sendSignedIn(later) : response
}

async function sendSignedIn(request: Request): Promise<Response> {
  const again = request.clone()
  const response = await send(request)
  if (response.status !== 401 || !session.user) return response
  // Nobody reads what it says, and its connection is wanted.
  void response.body?.cancel().catch(() => {})
  // The cookie ran out earlier than our clock thought, or the session is over: the refresh tells which.
  await session.refresh()
  return send(again)
}

/** What the server wants to see before it does this, if that is why it refused. */
async function refusal(response: Response): Promise<{ code?: string; methods: Method[] }> {
  const nothing = { methods: [] }
  if (response.status !== 403) return nothing
  return {
    ...nothing,
    ...(await response
      .clone()
      .json()
      .catch(() => nothing)),
  }
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch {
    throw new Problem('offline')
  }
}
