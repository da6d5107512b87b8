/**
 * What the gateway and the loop add to a model. The model is a server in a process of its own with a known time to its first token; the daemon
 * is a real one. Requests to the model itself and through the daemon take turns, so that the machine's load is the same for both.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LocalNode, startNode } from '../localnet.ts'
import { NODE_FLAGS, nodeBinary } from '../run.js'
import type { BenchCase } from './bench-cases.ts'

const ENDPOINT = fileURLToPath(new URL('./agents-endpoint.ts', import.meta.url))
const ROUNDS = 30
const WARM_UP = 3
const TURN_BAR_MS = 10
const FIRST_BYTE_BAR_MS = 50
/** Of agents-endpoint.ts: this question takes four calls of a tool, and a turn for the answer. */
const TURNS = 5
const LONG_QUESTION = 'Tell me what time it is, place by place.'
const SHORT_QUESTION = 'Good evening.'

interface Target {
  readonly url: string
  readonly token: string
  readonly model: string
}

const keepAlive = new Agent({ keepAlive: true })

function post({ url, token, model }: Target, content: string, stream: boolean): Promise<IncomingMessage> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content }], stream })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${url}/chat/completions`,
      { method: 'POST', agent: keepAlive, headers },
      resolve,
    )
    request.on('error', reject)
    request.end(body)
  })
}

async function answerMs(target: Target, content: string): Promise<number> {
  const startedAt = performance.now()
  const response = await post(target, content, false)
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const tookMs = performance.now() - startedAt
  if (response.statusCode !== 200 || !text.includes('forty-two'))
    throw new Error(`no answer: ${text.slice(0, 500)}`)
  return tookMs
}

/** From the first byte that the model sent to the first text that the client has, in ms. */
async function firstTextMs(target: Target, endpoint: ChildProcess): Promise<number> {
  const response = await post(target, SHORT_QUESTION, true)
  let seen = ''
  let firstAtMs: number | null = null
  for await (const chunk of response.setEncoding('utf8')) {
    seen += chunk
    if (firstAtMs === null && /"content":"[^"]/.test(seen))
      firstAtMs = performance.timeOrigin + performance.now()
  }
  if (firstAtMs === null) throw new Error(`no text: ${seen.slice(0, 500)}`)
  endpoint.send('first byte?')
  const [{ firstByteAtMs }] = (await once(endpoint, 'message')) as [{ firstByteAtMs: number }]
  return firstAtMs - firstByteAtMs
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

export const overheadCase: BenchCase = {
  name: 'overhead',
  title: 'what gateway and loop add to a turn of a model',
  async run({ report, log, signal }) {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
    const endpoint = fork(ENDPOINT, { execPath: nodeBinary(), execArgv: [...NODE_FLAGS] })
    let node: LocalNode | undefined
    try {
      const [{ url }] = (await once(endpoint, 'message', { signal })) as [{ url: string }]
      node = await startNode({
        directory: path.join(directory, 'data'),
        settings: {
          'agents.endpoints': `bench=${url}`,
          'agents.model': 'bench/scripted',
          'api.requestsByMinute': 1_000_000,
        },
      })
      const through = { url: `${node.client.url}/v1`, token: node.token }
      const model: Target = { url, token: 'none', model: 'scripted' }
      const gateway: Target = { ...through, model: 'bench/scripted' }
      const agent: Target = { ...through, model: 'magi' }
      const direct: number[] = []
      const gatewayMs: number[] = []
      const agentMs: number[] = []
      const firstMs: number[] = []
      const agentFirstMs: number[] = []
      for (let round = -WARM_UP; round < ROUNDS; round += 1) {
        signal.throwIfAborted()
        const taken = [
          await answerMs(model, SHORT_QUESTION),
          await answerMs(gateway, SHORT_QUESTION),
          await answerMs(agent, LONG_QUESTION),
          await firstTextMs(gateway, endpoint),
          await firstTextMs(agent, endpoint),
        ]
        if (round < 0) continue
        for (const [index, values] of [direct, gatewayMs, agentMs, firstMs, agentFirstMs].entries())
          values.push(taken[index]!)
      }
      const alone = median(direct)
      log(`the model alone takes ${alone.toFixed(1)} ms a turn (median of ${ROUNDS})`)
      const ms = { unit: 'ms', better: 'lower' } as const
      report({ case: 'gateway, a turn', value: median(gatewayMs) - alone, ...ms, bar: TURN_BAR_MS })
      report({
        case: `gateway and loop, a turn of ${TURNS} with calls`,
        value: median(agentMs) / TURNS - alone,
        ...ms,
        bar: TURN_BAR_MS,
      })
      report({
        case: 'first text through the gateway',
        value: median(firstMs),
        ...ms,
        bar: FIRST_BYTE_BAR_MS,
      })
      report({ case: 'first text, slowest', value: Math.max(...firstMs), ...ms, bar: null })
      report({
        case: 'first text through gateway and agent',
        value: median(agentFirstMs),
        ...ms,
        bar: FIRST_BYTE_BAR_MS,
      })
    } finally {
      keepAlive.destroy()
      await node?.stop()
      endpoint.disconnect()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
