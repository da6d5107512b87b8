import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { endpointChecks, mcpChecks } from '../../node/agents/check-remotes.ts'
import type { McpServerView } from '../../node/agents/tools/mcp-tools.ts'

/** An endpoint that wants the key `right`. */
async function withEndpoint(run: (url: string, stop: () => Promise<void>) => Promise<void>) {
  const server = createServer((request, response) => {
    const isRight = request.headers.authorization === 'Bearer right'
    response.writeHead(isRight ? 200 : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isRight ? { data: [{ id: 'small' }] } : {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, stop)
  } finally {
    await stop()
  }
}

test('an endpoint is asked for its models, and the key is told from the address', () =>
  withEndpoint(async (url, stop) => {
    const found = async (key?: string) => {
      const [check] = endpointChecks({
        endpoints: [`my-one=${url}`],
        environment: key === undefined ? {} : { VILLAGE_ENDPOINT_KEY_MY_ONE: key },
      })
      assert.is(check!.name, 'endpoint my-one')
      return check!.run()
    }
    assert.equal(await found('right'), { level: 'ok', message: 'answers, 1 model, by its key', fix: null })
    const wrong = await found('wrong')
    assert.is(wrong.level, 'warn')
    assert.match(wrong.message, /does not take the key/)
    assert.not.match(JSON.stringify(wrong), /wrong/)
    const none = await found()
    assert.match(none.message, /wants a key/)
    assert.match(none.fix ?? '', /VILLAGE_ENDPOINT_KEY_MY_ONE/)
    await stop()
    const dead = await found('right')
    assert.is(dead.level, 'warn')
    assert.match(dead.message, /cannot be used/)
    assert.match(dead.fix ?? '', /agents\.endpoints/)
  }))

test('an MCP server that failed, and one that changed a tool, say what to do', async () => {
  const tool = {
    name: 'mcp_files_read',
    tool: 'read',
    description: 'Reads.',
    changedDescription: null,
    changedFingerprint: null,
  }
  const server: McpServerView = {
    ...{ name: 'files', kind: 'stdio', state: 'ready', error: null, refused: [] },
    tools: [{ ...tool, state: 'ready' }],
  }
  const found = await Promise.all(
    mcpChecks([
      server,
      { ...server, state: 'failed', error: 'MCP_SERVER_UNAVAILABLE' },
      { ...server, tools: [{ ...tool, state: 'changed' }] },
    ]).map((check) => check.run()),
  )
  assert.equal(
    found.map(({ level }) => level),
    ['ok', 'warn', 'warn'],
  )
  assert.match(found[1]!.message, /MCP_SERVER_UNAVAILABLE/)
  assert.match(found[1]!.fix ?? '', /by hand/)
  assert.match(found[2]!.fix ?? '', /village tools accept/)
})

test.run()
