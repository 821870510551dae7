// A resource server's check of an access token (RFC 9068 §4) with jose.
import { createRemoteJWKSet, jwtVerify } from "jose"

const { issuer, token, audience } = JSON.parse(process.env.ASKED)
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
const { payload } = await jwtVerify(token, keys, {
  algorithms: ["RS512"], issuer, audience, typ: "at+jwt",
  requiredClaims: ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] })
console.log(JSON.stringify(payload))
