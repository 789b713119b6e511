// Puzzles that the server may want solved before it goes on: proof of work, which nobody has to look at.
import type { Challenge } from 'altcha-lib/types'

const PATH = '/v1/auth/captcha'

/** The request once more, with the puzzle solved; nothing when there is none to solve. */
export async function withCaptcha(
  request: Request,
  send: (request: Request) => Promise<Response>,
): Promise<Request | undefined> {
  const asked = await send(new Request(PATH))
  const { challenge } = (await asked.json()) as { challenge: Challenge | null }
  const answer = challenge && (await solved(challenge))
  if (!answer) return undefined
  const body = { ...(await request.json()), captcha: answer }
  return new Request(request, { body: JSON.stringify(body) })
}

/** ALTCHA's payload. Needs a secure page, as browsers call it. */
async function solved(challenge: Challenge): Promise<string | undefined> {
  const [{ solveChallenge }, { deriveKey }] = await Promise.all([
    import('altcha-lib'),
    import('altcha-lib/algorithms/web/pbkdf2'),
  ])
  const solution = await solveChallenge({ challenge, deriveKey })
  return solution ? btoa(JSON.stringify({ challenge, solution })) : undefined
}
