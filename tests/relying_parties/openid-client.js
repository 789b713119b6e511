// The whole of a sign-in by openid-client, as its own examples have it. Prints what came of it as JSON.
import process from 'node:process'
import * as openid from 'openid-client'
import { allowedBy } from './person.js'

const { issuer, clientId, clientSecret, method, redirectUri, person } = JSON.parse(process.argv[2])
const proof = {
  basic: () => openid.ClientSecretBasic(clientSecret),
  post: () => openid.ClientSecretPost(clientSecret),
  none: () => openid.None(),
}[method]()

const config = await openid.discovery(new URL(issuer), clientId, clientSecret || undefined, proof, {
  // The tests' server is one of http on loopback, which the library wants to be told.
  execute: [openid.allowInsecureRequests],
})
openid.enableNonRepudiationChecks(config)

const verifier = openid.randomPKCECodeVerifier()
const [state, nonce] = [openid.randomState(), openid.randomNonce()]
const authorizationUrl = openid.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: 'openid profile email offline_access',
  state,
  nonce,
  code_challenge: await openid.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  max_age: '3600',
})

const tokens = await openid.authorizationCodeGrant(config, await allowedBy(person, authorizationUrl), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
  maxAge: 3600,
})
const claims = tokens.claims()
const userInfo = await openid.fetchUserInfo(config, tokens.access_token, claims.sub)
const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token)
const introspected =
  method === 'none' ? undefined : await openid.tokenIntrospection(config, refreshed.access_token)
await openid.tokenRevocation(config, refreshed.refresh_token)
const afterRevocation = await openid
  .refreshTokenGrant(config, refreshed.refresh_token)
  .catch((error) => error.error)

console.log(JSON.stringify({ claims, userInfo, scope: tokens.scope, introspected, afterRevocation }))
