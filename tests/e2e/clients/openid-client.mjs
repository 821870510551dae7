// What an application does with openid-client: discovery, and then one call for each step.
import * as client from "openid-client"

const { issuer, billing, poster, portalKey, refreshTokens, audience } = JSON.parse(process.env.ASKED)
const key = await crypto.subtle.importKey(
  "jwk", portalKey, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"])
const methods = {
  billing: client.ClientSecretBasic(billing),
  poster: client.ClientSecretPost(poster),
  portal: client.PrivateKeyJwt(key),
}
const results = []
for (const [name, method] of Object.entries(methods)) {
  const config = await client.discovery(new URL(issuer), name, undefined, method,
    { algorithm: "oauth2", execute: [client.allowInsecureRequests] })
  const own = await client.clientCredentialsGrant(config, { scope: "profile" })
  const pair = await client.refreshTokenGrant(config, refreshTokens[name])
  const narrower = await client.genericGrantRequest(
    config, "urn:ietf:params:oauth:grant-type:token-exchange", {
      subject_token: pair.access_token,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      scope: "profile", audience })
  const live = await client.tokenIntrospection(config, narrower.access_token)
  await client.tokenRevocation(config, pair.refresh_token)
  const dead = await client.tokenIntrospection(config, pair.access_token)
  let refused
  try {
    await client.refreshTokenGrant(config, pair.refresh_token)
  } catch (fault) {
    refused = fault.error
  }
  results.push({
    scope: own.scope, sub: live.sub, aud: live.aud, active: live.active, dead: dead.active, refused })
}
console.log(JSON.stringify({ results }))
