// An OpenID Connect issuer of another make, on loopback, whose people sign in and consent by themselves.
//
// node server.mjs PORT REDIRECT_URI: GET /sign-in-as?login=anna chooses who the next ones are,
// GET /refuse makes them turn us down, GET /verified?is=false what the issuer says of their addresses.
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const [port, redirectUri] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`
let login = 'anna'
let refusing = false
let verified = true

const client = { redirect_uris: [redirectUri], grant_types: ['authorization_code'], response_types: ['code'] }
const provider = new Provider(issuer, {
  clients: [
    { ...client, client_id: 'kaif', client_secret: 'a+secret:of%some/kind=', token_endpoint_auth_method: 'client_secret_basic' },
    { ...client, client_id: 'kaif-public', token_endpoint_auth_method: 'none' },
    { ...client, client_id: 'kaif-es256', client_secret: 'another-secret', id_token_signed_response_alg: 'ES256' },
  ],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  // As by default: what the scopes tell is at the userinfo endpoint alone.
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  jwks: { keys: await keys() },
  cookies: { keys: ['only for tests'] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: id[0].toUpperCase() + id.slice(1),
      preferred_username: id,
      email: `${id}@elsewhere.example`,
      email_verified: verified,
    }),
  }),
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
})

async function keys() {
  const made = await Promise.all([
    crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign']),
    crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']),
  ])
  return Promise.all(
    made.map(async ({ privateKey }) => {
      const { key_ops, ext, alg, ...key } = await crypto.subtle.exportKey('jwk', privateKey)
      return { ...key, use: 'sig', alg: alg ?? 'ES256' }
    }),
  )
}

async function interact(request, response) {
  const { prompt, params, grantId } = await provider.interactionDetails(request, response)
  if (refusing) {
    const result = { error: 'access_denied', error_description: 'The person said no.' }
    return provider.interactionFinished(request, response, result)
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: login, remember: false } })
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: login, clientId: params.client_id })
  grant.addOIDCScope('openid profile email')
  const consent = { grantId: await grant.save() }
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true })
}

const answers = provider.callback()
createServer(async (request, response) => {
  const url = new URL(request.url, issuer)
  if (url.pathname === '/sign-in-as') login = url.searchParams.get('login')
  else if (url.pathname === '/refuse') refusing = url.searchParams.get('is') === 'true'
  else if (url.pathname === '/verified') verified = url.searchParams.get('is') === 'true'
  else if (url.pathname.startsWith('/interaction/')) return interact(request, response)
  else return answers(request, response)
  response.writeHead(204).end()
}).listen(Number(port), '127.0.0.1', () => console.log('listening'))
