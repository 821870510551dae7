// What an application does with oauth4webapi: each step as its documentation shows it.
import * as oauth from "oauth4webapi"

const { issuer, billing, tricky, portalKey, refreshTokens, audience } = JSON.parse(process.env.ASKED)
const http = { [oauth.allowInsecureRequests]: true }
const url = new URL(issuer)
const found = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...http })
const as = await oauth.processDiscoveryResponse(url, found)
const key = await crypto.subtle.importKey(
  "jwk", portalKey, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"])
const clients = [
  [{ client_id: "billing" }, oauth.ClientSecretBasic(billing)],
  [{ client_id: "tri:cky & co+" }, oauth.ClientSecretBasic(tricky)],
  [{ client_id: "portal" }, oauth.PrivateKeyJwt(key)],
]
const results = []
for (const [client, auth] of clients) {
  const own = await oauth.processClientCredentialsResponse(as, client,
    await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: "profile" }, http))
  const pair = await oauth.processRefreshTokenResponse(as, client,
    await oauth.refreshTokenGrantRequest(as, client, auth, refreshTokens[client.client_id], http))
  const inspect = async (token, options) => oauth.processIntrospectionResponse(as, client,
    await oauth.introspectionRequest(as, client, auth, token, { ...http, ...options }))
  const live = await inspect(pair.access_token)
  const signed = await oauth.introspectionRequest(
    as, client, auth, pair.access_token, { ...http, requestJwtResponse: true })
  const jwt = { ...client, introspection_signed_response_alg: "RS512" }
  const said = await oauth.processIntrospectionResponse(as, jwt, signed)
  await oauth.validateApplicationLevelSignature(as, signed, http)
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, auth, pair.refresh_token, http))
  const dead = await inspect(pair.access_token)
  results.push({
    scope: own.scope, sub: live.sub, active: live.active, signed: said.active, dead: dead.active })
}

// RFC 9068 §4, by the library's own check of a request to a resource server.
const client = { client_id: "rfc9068" }
const secret = JSON.parse(process.env.ASKED).rfc9068
const at = await oauth.processClientCredentialsResponse(as, client,
  await oauth.clientCredentialsGrantRequest(
    as, client, oauth.ClientSecretBasic(secret), { resource: audience }, http))
const request = new Request(audience, { headers: { authorization: `Bearer ${at.access_token}` } })
const claims = await oauth.validateJwtAccessToken(
  as, request, audience, { signingAlgorithms: ["RS512"], ...http })
console.log(JSON.stringify({ results, claims }))
