// The whole of a sign-in by oauth4webapi, as its own examples have it. Prints what came of it as JSON.
import process from 'node:process'
import * as oauth from 'oauth4webapi'
import { allowedBy } from './person.js'

const { issuer: issuerUrl, clientId, clientSecret, method, redirectUri, person } = JSON.parse(process.argv[2])
const scope = 'openid profile email offline_access'
// The tests' server is one of http on loopback, which the library wants to be told.
const http = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(issuerUrl)
const client = { client_id: clientId }
const proof = {
  basic: () => oauth.ClientSecretBasic(clientSecret),
  post: () => oauth.ClientSecretPost(clientSecret),
  none: () => oauth.None(),
}[method]()

const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http))

const verifier = oauth.generateRandomCodeVerifier()
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
const authorizationUrl = new URL(server.authorization_endpoint)
for (const [name, value] of Object.entries({
  client_id: clientId,
  redirect_uri: redirectUri,
  response_type: 'code',
  scope,
  state,
  nonce,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  max_age: '3600',
})) {
  authorizationUrl.searchParams.set(name, value)
}

const parameters = oauth.validateAuthResponse(server, client, await allowedBy(person, authorizationUrl), state)
const redeemed = await oauth.authorizationCodeGrantRequest(
  server,
  client,
  proof,
  parameters,
  redirectUri,
  verifier,
  http,
)
const tokens = await oauth.processAuthorizationCodeResponse(server, client, redeemed, {
  expectedNonce: nonce,
  requireIdToken: true,
  maxAge: 3600,
})
await oauth.validateApplicationLevelSignature(server, redeemed, http)
const claims = oauth.getValidatedIdTokenClaims(tokens)

const userInfo = await oauth.processUserInfoResponse(
  server,
  client,
  claims.sub,
  await oauth.userInfoRequest(server, client, tokens.access_token, http),
)

const refresh = async (token) =>
  oauth.processRefreshTokenResponse(
    server,
    client,
    await oauth.refreshTokenGrantRequest(server, client, proof, token, http),
  )
const refreshed = await refresh(tokens.refresh_token)

const introspected =
  method === 'none'
    ? undefined
    : await oauth.processIntrospectionResponse(
        server,
        client,
        await oauth.introspectionRequest(server, client, proof, refreshed.access_token, http),
      )

await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, client, proof, refreshed.refresh_token, http),
)
const afterRevocation = await refresh(refreshed.refresh_token).catch((error) => error.error)

console.log(JSON.stringify({ claims, userInfo, scope: tokens.scope, introspected, afterRevocation }))
