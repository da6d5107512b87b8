/** A2A by the official SDK's client, and by hand where a client would not go wrong. */
import { Role, TaskState } from '@a2a-js/sdk'
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from '@a2a-js/sdk/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentRow } from '../../node/agents/agent.ts'
import type { PolicyStep } from '../../node/agents/loop/policy.ts'
import { A2A_AGENTS } from '../../node/api/a2a/skills.ts'
import { VillageError } from '../../node/errors.ts'
import { answer, call, rowNamed, toolNamed } from '../helpers/agent-parts.ts'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'
import { memoryAgents } from '../helpers/memory-agents.ts'

const a2a = suite('a2a')

/** Says what it was asked, and how much it remembers of what was said before. */
const echo = (name: 'king' | 'sage' | 'magi'): AgentRow =>
  rowNamed(name, ({ messages }: PolicyStep) =>
    answer(`${name} heard ${messages.at(-1)?.content} after ${messages.length - 1} turns`),
  )
const ECHOES = [echo('king'), echo('sage'), echo('magi')]

async function withAgents(
  given: Parameters<typeof memoryAgents>[0],
  work: (api: TestApi) => Promise<void>,
): Promise<void> {
  const api = await startTestApi({ services: memoryAgents(given) })
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

const withToken =
  (token: string): typeof fetch =>
  (url, init) => {
    const headers = new Headers(init?.headers)
    headers.set('authorization', `Bearer ${token}`)
    return fetch(url, { ...init, headers })
  }

function clientOf(api: TestApi, path: string, isLegacy: boolean): Promise<Client> {
  const fetchImpl = withToken(api.token)
  const legacyCompat = { enabled: isLegacy }
  // What a client of 0.3 does: it says no version when it asks for the card.
  const oldFetch: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers)
    headers.delete('a2a-version')
    return fetch(url, { ...init, headers })
  }
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl, legacyCompat })],
    cardResolver: new DefaultAgentCardResolver(isLegacy ? { fetchImpl: oldFetch, legacyCompat } : {}),
  })
  return factory.createFromUrl(api.api.url(), path)
}

const message = (text: string, given: { contextId?: string; metadata?: Record<string, unknown> } = {}) => ({
  tenant: '',
  configuration: undefined,
  metadata: undefined,
  message: {
    messageId: crypto.randomUUID(),
    contextId: given.contextId ?? '',
    taskId: '',
    role: Role.ROLE_USER,
    parts: [
      {
        content: { $case: 'text' as const, value: text },
        metadata: undefined,
        filename: '',
        mediaType: 'text/plain',
      },
    ],
    metadata: given.metadata,
    extensions: [],
    referenceTaskIds: [],
  },
})

const CARD = '/.well-known/agent-card.json'

/** The task that an answer is; these agents never answer with a bare message. */
async function sent(client: Client, request: ReturnType<typeof message>) {
  const result = await client.sendMessage(request)
  assert.ok('id' in result && 'status' in result)
  return result as Extract<typeof result, { id: string }>
}
const textOf = (task: Awaited<ReturnType<typeof sent>>) => {
  const content = task.artifacts[0]?.parts[0]?.content
  return content?.$case === 'text' ? content.value : null
}

for (const isLegacy of [false, true])
  a2a(`send, follow up, stream, get, by the official client of ${isLegacy ? '0.3' : '1.0'}`, () =>
    withAgents({ rows: ECHOES }, async (api) => {
      const client = await clientOf(api, CARD, isLegacy)
      const first = await sent(client, message('hello'))
      assert.is(first.status?.state, TaskState.TASK_STATE_COMPLETED)
      assert.is(textOf(first), 'king heard hello after 0 turns')
      const second = await sent(client, message('again', { contextId: first.contextId }))
      assert.is(textOf(second), 'king heard again after 2 turns')
      const named = await sent(client, message('hi', { metadata: { skill: 'sage' } }))
      assert.is(textOf(named), 'sage heard hi after 0 turns')
      const wrong = await sent(client, message('hi', { metadata: { skill: 'root' } }))
      assert.is(wrong.status?.state, TaskState.TASK_STATE_REJECTED)

      const kinds: string[] = []
      let last: TaskState | undefined
      for await (const { payload } of client.sendMessageStream(message('stream'))) {
        kinds.push(payload?.$case ?? 'none')
        if (payload?.$case === 'statusUpdate') last = payload.value.status?.state
      }
      assert.is(kinds[0], 'task')
      assert.ok(kinds.includes('artifactUpdate'))
      assert.is(last, TaskState.TASK_STATE_COMPLETED)
      const again = await client.getTask({ tenant: '', id: first.id })
      assert.is(textOf(again), 'king heard hello after 0 turns')
    }),
  )

a2a('each agent has a path and a card of its own', () =>
  withAgents({ rows: ECHOES }, async (api) => {
    for (const agent of A2A_AGENTS) {
      const client = await clientOf(api, `/a2a/${agent}${CARD}`, false)
      assert.is(textOf(await sent(client, message('hi'))), `${agent} heard hi after 0 turns`)
    }
    assert.is((await api.ask(`/a2a/root${CARD}`)).status, 400)
  }),
)

a2a('the card is public and holds no secret; what it names needs a token', () =>
  withAgents({ rows: ECHOES }, async (api) => {
    for (const headers of [{}, { 'a2a-version': '1.0' }]) {
      const { status, json } = await api.ask(CARD, { token: null, headers })
      assert.is(status, 200)
      const text = JSON.stringify(json)
      assert.not.match(text, new RegExp(api.token))
      assert.not.match(text, new RegExp(api.services.identity.peerId))
      assert.equal(
        json.skills.map(({ id }: { id: string }) => id),
        ['king', 'sage', 'magi'],
      )
      assert.ok(text.includes(`${api.api.url()}/a2a`))
    }
    const body = { jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { id: 'x' } }
    const refused = await api.ask('/a2a', { method: 'POST', body, token: null })
    assert.is(refused.status, 401)
    assert.is(refused.headers['www-authenticate'], 'Bearer')
    const key = await api.ask('/api/v1/keys', { method: 'POST', body: { name: 'r', scope: 'read' } })
    assert.is((await api.ask('/a2a', { method: 'POST', body, token: key.json.secret })).status, 403)
    const elsewhere = { origin: 'http://evil.example' }
    assert.is((await api.ask('/a2a', { method: 'POST', body, headers: elsewhere })).status, 403)
  }),
)

a2a('requests that are wrong get the errors of the protocol', () =>
  withAgents({ rows: ECHOES }, async (api) => {
    const post = async (body: object, headers: Record<string, string> = {}) =>
      (await api.ask('/a2a', { method: 'POST', body, headers })).json.error?.code
    const current = { 'a2a-version': '1.0' }
    assert.is(await post({ jsonrpc: '1.0', id: 1, method: 'message/send', params: {} }), -32600)
    assert.is(await post({ jsonrpc: '2.0', id: 1, method: 'no/such', params: {} }), -32601)
    assert.is(await post({ jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { id: 'none' } }), -32001)
    assert.is(
      await post({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 'none' } }, current),
      -32001,
    )
    assert.is(
      await post({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: {} }, { 'a2a-version': '9.0' }),
      -32009,
    )
    const parts = [{ kind: 'file', file: { uri: 'file:///etc/passwd' } }]
    const file = { kind: 'message', messageId: 'm', role: 'user', parts }
    const body = { jsonrpc: '2.0', id: 1, method: 'message/send', params: { message: file } }
    const { json } = await api.ask('/a2a', { method: 'POST', body })
    assert.is(json.result.status.state, 'rejected')
    assert.is(
      (
        await api.ask('/a2a', {
          method: 'POST',
          body: '{oops',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
      400,
    )
    assert.is((await api.ask('/a2a', { method: 'POST', body: { x: 'y'.repeat(2 ** 20) } })).status, 413)
  }),
)

a2a('a task is cancelled by whoever sent it, and seen by nobody else', () => {
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<unknown>()
  const wait = toolNamed('job_wait', {
    run: (_given, { signal }) => {
      begun.resolve()
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          ended.resolve(signal.reason)
          reject(signal.reason)
        }),
      )
    },
  })
  const given = { rows: [rowNamed('king', [call('job_wait'), answer('done')])], tools: () => [wait] }
  return withAgents(given, async (api) => {
    const client = await clientOf(api, CARD, false)
    const events = client.sendMessageStream(message('wait for it'))
    const first = await events.next()
    const task = first.value?.payload?.$case === 'task' ? first.value.payload.value : null
    assert.ok(task !== null)
    await begun.promise
    const key = await api.ask('/api/v1/keys', { method: 'POST', body: { name: 'other', scope: 'admin' } })
    for (const method of ['tasks/get', 'tasks/cancel']) {
      const body = { jsonrpc: '2.0', id: 1, method, params: { id: task.id } }
      const { json } = await api.ask('/a2a', { method: 'POST', body, token: key.json.secret })
      assert.is(json.error.code, -32001)
    }
    const cancelled = await client.cancelTask({ tenant: '', id: task.id, metadata: undefined })
    assert.is(cancelled.status?.state, TaskState.TASK_STATE_CANCELED)
    assert.instance(await ended.promise, VillageError)
    for await (const _ of events) {
      // To its end: a stream of what was cancelled ends.
    }
  })
})

a2a('erasing what somebody said forgets their tasks and conversations', () =>
  withAgents({ rows: ECHOES }, async (api) => {
    const client = await clientOf(api, CARD, false)
    const first = await sent(client, message('a secret'))
    await api.services.erasure.eraseAll({ kind: 'owner', id: 'owner' })
    await client.getTask({ tenant: '', id: first.id }).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /not found/i),
    )
    const later = await sent(client, message('hi', { contextId: first.contextId }))
    assert.is(textOf(later), 'king heard hi after 0 turns')
  }),
)

a2a('what is erased while it is answered is ended, and kept nowhere', () => {
  const begun = Promise.withResolvers<void>()
  // A tool that heeds no signal: its end comes after the erasing.
  const release = Promise.withResolvers<void>()
  const slow = toolNamed('job_wait', {
    run: async () => {
      begun.resolve()
      await release.promise
      return { content: 'late', trust: 'own', summary: 'late' }
    },
  })
  const rows = [rowNamed('king', [call('job_wait'), answer('done')]), ...ECHOES.slice(1)]
  return withAgents({ rows, tools: () => [slow] }, async (api) => {
    const client = await clientOf(api, CARD, false)
    const events = client.sendMessageStream(message('a secret', { contextId: 'context' }))
    const first = await events.next()
    const task = first.value?.payload?.$case === 'task' ? first.value.payload.value : null
    assert.ok(task !== null)
    await begun.promise
    const erased = api.services.erasure.eraseAll({ kind: 'owner', id: 'owner' })
    release.resolve()
    await erased
    for await (const _ of events) {
      // To its end.
    }
    await client.getTask({ tenant: '', id: task.id }).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /not found/i),
    )
    const sage = await sent(client, message('hi', { contextId: 'context', metadata: { skill: 'sage' } }))
    assert.is(textOf(sage), 'sage heard hi after 0 turns')
  })
})

a2a.run()
