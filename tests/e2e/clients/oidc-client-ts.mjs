// What an application does with oidc-client-ts: it knows the authority, and nothing else.
import { InMemoryWebStorage, UserManager, WebStorageStateStore } from "oidc-client-ts"

const { issuer, username, password } = JSON.parse(process.env.ASKED)
const store = () => new WebStorageStateStore({ store: new InMemoryWebStorage() })
const manager = new UserManager({
  authority: issuer, client_id: "phone-app", redirect_uri: `${issuer}/callback`, scope: "",
  userStore: store(), stateStore: store(), automaticSilentRenew: false,
  revokeTokenTypes: ["refresh_token"],
})
const first = await manager.signinResourceOwnerCredentials({ username, password, skipUserInfo: true })
const second = await manager.signinSilent()
await manager.revokeTokens()
// It stops the timers.
await manager.removeUser()
console.log(JSON.stringify({
  access_tokens: [first.access_token, second.access_token],
  refresh_tokens: [first.refresh_token, second.refresh_token],
}))
