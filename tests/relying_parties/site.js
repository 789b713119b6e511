// A site that people sign in to with their account: openid-client behind a few pages, for one visitor at a time.
import { createServer } from 'node:http'
import process from 'node:process'
import * as openid from 'openid-client'

const { issuer, clientId, clientSecret, port } = JSON.parse(process.argv[2])
const origin = `http://127.0.0.1:${port}`
const redirectUri = `${origin}/signed-in`
const config = await openid.discovery(new URL(issuer), clientId, clientSecret, undefined, {
  execute: [openid.allowInsecureRequests],
})
let expected = {}
let tokens

const pages = {
  '/': () => page('Wiki', '<a href="/sign-in">Sign in with Kaif</a>'),
  '/sign-in': async (url) => {
    const pkceCodeVerifier = openid.randomPKCECodeVerifier()
    const [state, nonce] = [openid.randomState(), openid.randomNonce()]
    expected = { pkceCodeVerifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
    const asked = {
      redirect_uri: redirectUri,
      scope: 'openid profile email offline_access',
      state,
      nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      ...Object.fromEntries(url.searchParams),
    }
    return { status: 303, location: openid.buildAuthorizationUrl(config, asked).href }
  },
  '/signed-in': async (url) => {
    tokens = await openid.authorizationCodeGrant(config, url, expected)
    const { name, email } = await openid.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    return page(`Hello, ${name}`, email)
  },
  '/refresh': async () => {
    tokens = await openid.refreshTokenGrant(config, tokens.refresh_token)
    return page('Refreshed', '')
  },
}

function page(title, text) {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">
<title>${title}</title><main><h1>${title}</h1><p>${text}</p></main></html>`
  return { status: 200, body }
}

createServer(async (request, response) => {
  const url = new URL(request.url, origin)
  const answer = pages[url.pathname] ?? (() => ({ status: 404 }))
  const { status, location, body } = await Promise.resolve(answer(url)).catch((error) =>
    page('Not signed in', error.error ?? error.message),
  )
  response.writeHead(status, { 'content-type': 'text/html', ...(location ? { location } : {}) }).end(body)
}).listen(port, '127.0.0.1', () => console.log('listening'))
