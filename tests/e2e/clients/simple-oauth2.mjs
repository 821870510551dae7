// What an application does with simple-oauth2 when a user logs out.
import { ClientCredentials, ResourceOwnerPassword } from "simple-oauth2"

const { issuer, billing, pair } = JSON.parse(process.env.ASKED)
const config = {
  client: { id: "billing", secret: billing },
  auth: {
    tokenHost: issuer, tokenPath: "/api/oauth2/token", revokePath: "/api/oauth2/revoke" },
}
const own = await new ClientCredentials(config).getToken({ scope: "profile" })
const first = new ResourceOwnerPassword(config).createToken(pair)
const second = await first.refresh()
await second.revokeAll()
console.log(JSON.stringify({ own: own.token.scope, pair: second.token }))
