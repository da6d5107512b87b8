import { ElicitRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import type { JsonObject } from '../../../node/json.ts'
import { answer, call, OWNER, rowNamed, toolNamed, untrusted } from '../../helpers/agent-parts.ts'
import { connectMcp, INITIALIZE, MCP_HEADERS } from '../../helpers/mcp-client.ts'
import { keyOf, withAgents } from '../../helpers/with-agents.ts'

/** `seen`: resolves when the client was told of its progress: with the answer, the official client forgets whom to tell. */
const search = (seen: Promise<void> = Promise.resolve()) =>
  toolNamed('knowledge_search', {
    parameters: {
      type: 'object',
      properties: { query: { type: 'string', minLength: 1 } },
      required: ['query'],
      additionalProperties: false,
    },
    run: async ({ query }, { progress }) => {
      progress('1 of 2 segments')
      await seen
      return untrusted({ passages: [`about ${String(query)}`] }, 'one passage')
    },
  })
const compress = () => toolNamed('model_compress', { effect: 'change', scope: 'operate' })

const structured = (result: object) => (result as { structuredContent: JsonObject }).structuredContent
const textOf = (result: object) =>
  (result as { content: { text?: string }[] }).content.map(({ text }) => text ?? '').join('')

const http = suite('mcp over http')

http('the official client: initialise, list, call, progress, resources, prompts', () => {
  const seen = Promise.withResolvers<void>()
  return withAgents({ tools: () => [search(seen.promise), compress()] }, async (api) => {
    const { client, transport } = await connectMcp(api.api.url(), api.token)
    assert.is(client.getServerVersion()?.name, 'aivillage')
    assert.match(client.getInstructions() ?? '', /never an instruction/)
    await client.ping()

    const { tools } = await client.listTools()
    assert.equal(tools.map(({ name }) => name).sort(), [
      'ask_king',
      'ask_magi',
      'ask_sage',
      'knowledge_search',
      'model_compress',
    ])
    const hints = new Map(tools.map(({ name, annotations }) => [name, annotations]))
    assert.is(hints.get('knowledge_search')?.readOnlyHint, true)
    assert.is(hints.get('model_compress')?.destructiveHint, true)

    const messages: (string | undefined)[] = []
    const result = await client.callTool(
      { name: 'knowledge_search', arguments: { query: 'pumps' } },
      undefined,
      {
        onprogress: ({ message }) => {
          messages.push(message)
          seen.resolve()
        },
      },
    )
    // The client itself has held it against the output schema.
    assert.equal(structured(result), {
      summary: 'one passage',
      trust: 'untrusted',
      result: { passages: ['about pumps'] },
    })
    assert.equal(messages, ['1 of 2 segments'])

    await api.services.collections.create({ name: 'notes' })
    const { resources } = await client.listResources()
    assert.equal(
      resources.map(({ name }) => name),
      ['notes'],
    )
    const { contents } = await client.readResource({ uri: resources[0]!.uri })
    assert.is(JSON.parse((contents[0] as { text: string }).text).collection, 'notes')
    assert.is((await client.listResourceTemplates()).resourceTemplates.length, 3)
    const { prompts } = await client.listPrompts()
    const prompt = await client.getPrompt({
      name: prompts[0]!.name,
      arguments: { question: 'Why do pumps hum?' },
    })
    assert.match((prompt.messages[0]!.content as { text: string }).text, /Why do pumps hum\?/)

    assert.is(typeof transport.sessionId, 'string')
    await transport.terminateSession()
    await client.close()
  })
})

http(
  'failures: unknown tools and prompts are protocol errors, failed calls are results that a model can read',
  () =>
    withAgents(
      {
        tools: () => [
          search(),
          toolNamed('file_read', {
            run: async () => {
              throw new VillageError('FOLDER_NOT_GRANTED')
            },
          }),
          toolNamed('job_show', {
            run: async () => {
              throw new Error('secret of the inside')
            },
          }),
        ],
      },
      async (api) => {
        const { client } = await connectMcp(api.api.url(), api.token)
        const refused = async (work: Promise<unknown>, code: number) => {
          const error = await work.then(
            () => null,
            (thrown: unknown) => thrown,
          )
          assert.instance(error, McpError)
          assert.is((error as McpError).code, code)
        }
        await refused(client.callTool({ name: 'nothing' }), -32602)
        await refused(client.readResource({ uri: 'village://collection/none' }), -32002)
        await refused(client.readResource({ uri: 'file:///etc/passwd' }), -32002)
        await refused(client.getPrompt({ name: 'none' }), -32002)
        await refused(client.getPrompt({ name: 'answer_with_citations' }), -32602)
        await refused(
          client.request({ method: 'logging/setLevel', params: { level: 'debug' } }, {} as never),
          -32601,
        )

        const wrong = await client.callTool({ name: 'knowledge_search', arguments: { wrong: 1 } })
        assert.is(wrong.isError, true)
        assert.match(textOf(wrong), /TOOL_ARGUMENTS_INVALID/)
        const denied = await client.callTool({ name: 'file_read' })
        assert.match(textOf(denied), /^FOLDER_NOT_GRANTED: /)
        const inside = await client.callTool({ name: 'job_show' })
        assert.is(inside.isError, true)
        assert.not.match(textOf(inside), /secret/)
        await client.close()
      },
    ),
)

http('a key sees and calls what its scope allows', () =>
  withAgents({ tools: () => [search(), compress()] }, async (api) => {
    const names = async (scope: string) => {
      const { client } = await connectMcp(api.api.url(), await keyOf(api, scope))
      const { tools } = await client.listTools()
      const called = await client.callTool({ name: 'model_compress' }).then(
        () => 'called',
        (error: unknown) => (error as McpError).code,
      )
      await client.close()
      return [
        tools
          .map(({ name }) => name)
          .sort()
          .join(' '),
        called,
      ]
    }
    assert.equal(await names('read'), ['', -32602])
    assert.equal(await names('ask'), ['ask_king ask_magi ask_sage knowledge_search', -32602])
    assert.equal(await names('operate'), [
      'ask_king ask_magi ask_sage knowledge_search model_compress',
      'called',
    ])
  }),
)

http('agents answer with their sources; an approval is asked of the person at the client', () => {
  const king = rowNamed('king', [call('model_compress'), answer('It is done.')])
  const given = { rows: [king], tools: () => [compress()] }
  return withAgents(given, async (api) => {
    const asked: string[] = []
    const { client } = await connectMcp(api.api.url(), api.token, { elicitation: { form: {} } }, (made) =>
      made.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        asked.push(params.message)
        return { action: 'accept', content: { approve: asked.length === 1 } }
      }),
    )
    const ask = async () => {
      const result = await client.callTool({ name: 'ask_king', arguments: { message: 'tidy up' } })
      assert.is(structured(result).text, 'It is done.')
      return structured(result).calls
    }
    assert.equal(await ask(), [{ tool: 'model_compress', outcome: 'result' }])
    assert.equal(await ask(), [{ tool: 'model_compress', outcome: 'refused' }])
    assert.is(asked.length, 2)
    assert.match(asked[0]!, /asks to run model_compress/)
    await client.close()
    // A client without a person: nobody is waited for.
    const silent = await connectMcp(api.api.url(), api.token)
    const result = await silent.client.callTool({ name: 'ask_king', arguments: { message: 'tidy up' } })
    assert.equal(structured(result).calls, [{ tool: 'model_compress', outcome: 'refused' }])
    const wrong = await silent.client.callTool({ name: 'ask_king', arguments: { message: '' } })
    assert.match(textOf(wrong), /INVALID_ARGUMENT/)
    await silent.client.close()
  })
})

http('what the client names itself is not asked again', () =>
  withAgents({ tools: () => [compress()] }, async (api) => {
    const { client } = await connectMcp(api.api.url(), api.token)
    const result = await client.callTool({ name: 'model_compress' })
    assert.is(structured(result).trust, 'own')
    assert.equal(api.services.approvals.list(OWNER), [])
    const [entry] = await api.services.audit.list()
    assert.is(entry?.tool, 'model_compress')
    assert.is(entry?.decision, 'named')
    await client.close()
  }),
)

http('guards: origin, token, sessions, versions, shapes, sizes', () =>
  withAgents({ tools: () => [search()] }, async (api) => {
    const post = (
      body: object | string,
      headers: Record<string, string> = {},
      token: string | null = api.token,
    ) =>
      api.ask('/mcp', {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { ...MCP_HEADERS, ...headers },
        token,
      })
    assert.is((await post(INITIALIZE, { origin: 'http://evil.example' })).status, 403)
    assert.is((await post(INITIALIZE, { host: 'evil.example' })).status, 403)
    const unauthorized = await post(INITIALIZE, {}, null)
    assert.is(unauthorized.status, 401)
    assert.is(unauthorized.headers['www-authenticate'], 'Bearer')
    assert.is((await post(INITIALIZE, {}, 'vk_wrong')).status, 401)

    const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
    assert.is((await post(list)).status, 400)
    assert.is((await post(list, { 'mcp-session-id': 'nobody' })).status, 404)
    const begun = await post(INITIALIZE)
    assert.is(begun.status, 200)
    const session = { 'mcp-session-id': String(begun.headers['mcp-session-id']) }
    assert.match(session['mcp-session-id'], /^[0-9a-f-]{36}$/)
    assert.is((await post(list, session)).status, 200)
    // The session of one is no session of another.
    assert.is((await post(list, session, await keyOf(api, 'admin'))).status, 404)
    assert.is((await post(list, { ...session, 'mcp-protocol-version': '1999-01-01' })).status, 400)
    assert.is((await post(list, { ...session, accept: 'application/json' })).status, 406)
    assert.is((await post('{"jsonrpc": "2.0", ', session)).status, 400)
    assert.is((await post({ jsonrpc: '1.0', id: 1, method: 'tools/list' }, session)).status, 400)
    assert.is((await post(INITIALIZE, session)).status, 400)
    assert.is((await post(JSON.stringify({ ...list, x: 'y'.repeat(2 ** 20) }), session)).status, 413)
    assert.is((await post(list, { ...session, 'content-type': 'text/plain' })).status, 415)
    assert.is((await api.ask('/mcp', { method: 'PUT' })).status, 405)
    const unknown = await post({ jsonrpc: '2.0', id: 3, method: 'no/such' }, session)
    assert.match(unknown.bytes.toString(), /-32601/)

    assert.is((await api.ask('/mcp', { method: 'DELETE', headers: session })).status, 200)
    assert.is((await post(list, session)).status, 404)
  }),
)

http.run()
