/** How calls and sessions of MCP end, and that they are each somebody's own. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import type { JsonObject } from '../../../node/json.ts'
import { answer, rowNamed, scriptedPolicy, toolNamed, untrusted } from '../../helpers/agent-parts.ts'
import { startTestApi } from '../../helpers/api-server.ts'
import { connectMcp, MCP_HEADERS } from '../../helpers/mcp-client.ts'
import { memoryAgents } from '../../helpers/memory-agents.ts'
import { waitingTool } from '../../helpers/waiting-tool.ts'
import { keyOf, withAgents } from '../../helpers/with-agents.ts'

const search = () =>
  toolNamed('knowledge_search', {
    run: async ({ query }) => untrusted({ passages: [`about ${String(query)}`] }, 'one passage'),
  })
const structured = (result: object) => (result as { structuredContent: JsonObject }).structuredContent

const http = suite('mcp sessions')

http('a cancelled call ends the tool, and the session goes on', () => {
  const { tool, begun, ended } = waitingTool()
  return withAgents({ tools: () => [tool, search()] }, async (api) => {
    const { client } = await connectMcp(api.api.url(), api.token)
    const controller = new AbortController()
    const waiting = client.callTool({ name: 'job_wait' }, undefined, { signal: controller.signal })
    await begun
    controller.abort('no longer wanted')
    await waiting.then(
      () => assert.unreachable(),
      () => undefined,
    )
    assert.is(((await ended) as VillageError).code, 'ABORTED')
    const after = await client.callTool({ name: 'knowledge_search', arguments: { query: 'x' } })
    assert.is(structured(after).summary, 'one passage')
    await client.close()
  })
})

http('a client that goes away ends what it had asked for', () => {
  const { tool, begun, ended } = waitingTool()
  return withAgents({ tools: () => [tool] }, async (api) => {
    const { client, transport } = await connectMcp(api.api.url(), api.token)
    const gone = new AbortController()
    const request = fetch(new URL('/mcp', api.api.url()), {
      method: 'POST',
      signal: gone.signal,
      headers: {
        ...MCP_HEADERS,
        authorization: `Bearer ${api.token}`,
        'mcp-session-id': transport.sessionId!,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 77, method: 'tools/call', params: { name: 'job_wait' } }),
    })
    await begun
    await request
    gone.abort()
    assert.is(((await ended) as VillageError).code, 'ABORTED')
    await client.close()
  })
})

http('the end of the daemon ends a call as a shutdown', async () => {
  const { tool, begun, ended } = waitingTool()
  const api = await startTestApi({ services: memoryAgents({ tools: () => [tool] }) })
  const { client } = await connectMcp(api.api.url(), api.token)
  const waiting = client.callTool({ name: 'job_wait' }).catch(() => undefined)
  await begun
  await api.close()
  assert.is(((await ended) as VillageError).code, 'SHUTTING_DOWN')
  await client.close()
  await waiting
})

http('a revoked key loses its session and what it runs', () => {
  const { tool, begun, ended } = waitingTool()
  return withAgents({ tools: () => [tool] }, async (api) => {
    const key = await keyOf(api, 'ask')
    const { client } = await connectMcp(api.api.url(), key)
    const waiting = client.callTool({ name: 'job_wait' }).catch((error: unknown) => error)
    await begun
    const { json } = await api.ask('/api/v1/keys')
    const id = json.keys[0].id
    await api.ask(`/api/v1/keys/${id}`, { method: 'DELETE' })
    assert.instance(await ended, VillageError)
    assert.is(
      await client.ping().then(
        () => 'answered',
        () => 'refused',
      ),
      'refused',
    )
    await client.close()
    await waiting
  })
})

http('twenty sessions at once, each its own', () =>
  withAgents({ tools: () => [search()] }, async (api) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectMcp(api.api.url(), api.token)))
    assert.is(new Set(clients.map(({ transport }) => transport.sessionId)).size, 20)
    const results = await Promise.all(
      clients.map(({ client }, index) =>
        client.callTool({ name: 'knowledge_search', arguments: { query: `q${index}` } }),
      ),
    )
    assert.equal(
      results.map((result) => (structured(result).result as { passages: string[] }).passages[0]),
      clients.map((_, index) => `about q${index}`),
    )
    for (const { client, transport } of clients) {
      await transport.terminateSession()
      await client.close()
    }
  }),
)

http('what models use for a key counts against its quota', () => {
  const king = { ...rowNamed('king', []), policy: () => scriptedPolicy([answer('done')], 60) }
  return withAgents({ rows: [king] }, async (api) => {
    const body = { name: 'small', scope: 'ask', tokensByDay: 100 }
    const { json } = await api.ask('/api/v1/keys', { method: 'POST', body })
    const { client } = await connectMcp(api.api.url(), json.secret)
    const ask = () => client.callTool({ name: 'ask_king', arguments: { message: 'hi' } })
    assert.is(structured(await ask()).text, 'done')
    await ask()
    const { keys } = (await api.ask('/api/v1/keys')).json
    assert.is(keys[0].today.promptTokens, 120)
    const over = await ask().catch((error: Error) => error)
    assert.match(JSON.stringify(over, ['message', 'content', 'text']), /KEY_QUOTA_SPENT/)
    await client.close()
  })
})

http.run()
