import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createEndpoints } from '../../../node/agents/chat/endpoints.ts'
import { VillageError } from '../../../node/errors.ts'
import { type EndpointReply, startScriptedEndpoint } from '../../helpers/scripted-endpoint.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('endpoints')
const NEVER = new AbortController().signal

test('the list of models is bounded, checked and kept for a while', async () => {
  let asked = 0
  let reply: EndpointReply = {
    status: 200,
    body: {
      data: [
        { id: 'good', max_model_len: 4096 },
        { id: 'bad id' },
        { id: 7 },
        null,
        { id: 'llama', meta: { n_ctx: 512 } },
      ],
    },
  }
  const lister = await startScriptedEndpoint({
    modelsReply: () => {
      asked++
      return reply
    },
  })
  let nowMs = 0
  const endpoint = createEndpoints({ endpoints: [`a=${lister.url}`], environment: {}, now: () => nowMs }).get(
    'a',
  )!
  try {
    const expected = [
      { model: 'good', contextTokens: 4096 },
      { model: 'llama', contextTokens: 512 },
    ]
    assert.equal(await endpoint.models(NEVER), expected)
    assert.equal(await endpoint.models(NEVER), expected)
    assert.is(asked, 1)
    nowMs = 61_000
    for (const bad of [{ status: 500 }, { raw: 'x'.repeat(2 ** 21) }, { raw: '<html>' }]) {
      reply = bad
      const before = asked
      await rejectsCode(endpoint.models(NEVER), 'CHAT_ENDPOINT_FAILED')
      // It is not asked again at once.
      await rejectsCode(endpoint.models(NEVER), 'CHAT_ENDPOINT_FAILED')
      assert.is(asked, before + 1)
      nowMs += 11_000
    }
    const gone = new AbortController()
    gone.abort(new VillageError('ABORTED'))
    await rejectsCode(endpoint.models(gone.signal), 'ABORTED')
    reply = { status: 200, body: { data: [{ id: 'back' }] } }
    assert.equal(await endpoint.models(NEVER), [{ model: 'back', contextTokens: null }])
  } finally {
    endpoint.close()
    await lister.close()
  }
})

test('what goes to this machine goes through no proxy, the rest through that of the environment', async () => {
  const seen: string[] = []
  const proxy = createServer((request, response) => {
    seen.push(request.url ?? '')
    response.setHeader('content-type', 'application/json')
    response.end('{"data":[{"id":"of-the-proxy"}]}')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const near = await startScriptedEndpoint({ modelsReply: () => ({ status: 200, body: { data: [] } }) })
  const endpoints = createEndpoints({
    endpoints: [`near=${near.url}`, 'far=http://models.invalid/v1'],
    environment: { HTTP_PROXY: `http://127.0.0.1:${port}`, VILLAGE_ENDPOINT_KEY_NEAR: 'secret' },
  })
  try {
    assert.is(endpoints.get('near')!.place, 'local')
    assert.equal(await endpoints.get('near')!.models(NEVER), [])
    assert.equal(seen, [])
    assert.is((await endpoints.get('far')!.models(NEVER))[0]!.model, 'of-the-proxy')
    assert.equal(seen, ['http://models.invalid/v1/models'])
  } finally {
    for (const endpoint of endpoints.values()) endpoint.close()
    await near.close()
    proxy.closeAllConnections()
    proxy.close()
  }
})

test.run()
