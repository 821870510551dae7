// What an MCP client of the official SDK does: find the authorization server from the MCP server,
// get a token of its own, and refresh the session of a user.
import { auth, discoverOAuthServerInfo, refreshAuthorization } from "@modelcontextprotocol/sdk/client/auth.js"
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"

const { issuer, agent, mcpServer, refreshToken } = JSON.parse(process.env.ASKED)
const provider = new ClientCredentialsProvider(
  { clientId: "agent", clientSecret: agent, expectedIssuer: issuer })
const authorized = await auth(provider, { serverUrl: mcpServer })
const call = async token => {
  const answer = await fetch(mcpServer, { headers: { Authorization: `Bearer ${token}` } })
  return answer.status
}
const own = await call(provider.tokens().access_token)

const { authorizationServerUrl, authorizationServerMetadata } = await discoverOAuthServerInfo(mcpServer)
const refresh = token => refreshAuthorization(authorizationServerUrl, {
  metadata: authorizationServerMetadata,
  clientInformation: { client_id: "agent", client_secret: agent },
  refreshToken: token,
  resource: new URL(mcpServer),
})
const second = await refresh(refreshToken)
const third = await refresh(second.refresh_token)
console.log(JSON.stringify({
  authorized, own, of_user: await call(third.access_token),
  refresh_tokens: [refreshToken, second.refresh_token, third.refresh_token],
}))
