/**
 * The gateway: whether the official client of OpenAI's API passes its tests, and what the gateway adds to the model behind it. The model is an
 * endpoint in this process that answers at once, so what is measured has the client, the daemon and the endpoint on one event loop.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import { findDaemon } from '../../node/client.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon } from '../../node/daemon.ts'
import { type ScriptedEndpoint, startScriptedEndpoint } from '../../test/helpers/scripted-endpoint.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'

const TESTS = fileURLToPath(new URL('../../test/api/openai.test.ts', import.meta.url))
const TURNS = 300
const WARM_UP = 50
const AT_ONCE = 20
const MAX_TURN_MS = 10
const MAX_FIRST_BYTE_MS = 50
const messages = [{ role: 'user' as const, content: 'Where is the lighthouse?' }]

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!

/** Tests that failed, of how many. */
function runTests(signal: AbortSignal): Promise<{ failed: number; total: number }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--expose-gc', TESTS], { signal, timeout: 120_000 }, (error, stdout) => {
      const total = /Total:\s+(\d+)/.exec(stdout)?.[1]
      const passed = /Passed:\s+(\d+)/.exec(stdout)?.[1]
      if (total === undefined || passed === undefined)
        return reject(new Error('the tests of the client did not run', { cause: error }))
      resolve({ failed: Number(total) - Number(passed), total: Number(total) })
    })
  })
}

async function turnMs(client: OpenAI, model: string): Promise<number> {
  const start = performance.now()
  await client.chat.completions.create({ model, messages })
  return performance.now() - start
}

/** From the first byte of the endpoint to the first word at the client. */
async function firstWordMs(client: OpenAI, model: string, endpoint: ScriptedEndpoint): Promise<number> {
  const stream = await client.chat.completions.create({ model, messages, stream: true })
  let ms: number | null = null
  for await (const chunk of stream)
    if (ms === null && (chunk.choices[0]?.delta.content ?? '') !== '')
      ms = performance.timeOrigin + performance.now() - endpoint.firstByteAtMs.at(-1)!
  return ms!
}

async function measure(context: BenchContext, endpoint: ScriptedEndpoint, url: string, apiKey: string) {
  const { report, signal } = context
  const direct = new OpenAI({ baseURL: endpoint.url, apiKey: 'none', maxRetries: 0 })
  const gateway = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
  endpoint.play(() => ({ text: 'By the sea, where the town ends.' }))
  const [alone, through, words]: number[][] = [[], [], []]
  for (let turn = -WARM_UP; turn < TURNS; turn += 1) {
    signal.throwIfAborted()
    // In turns, so that what else the machine does falls on both.
    const [first, second] = [await turnMs(direct, 'scripted'), await turnMs(gateway, 'test/scripted')]
    const word = await firstWordMs(gateway, 'test/scripted', endpoint)
    if (turn < 0) continue
    alone!.push(first)
    through!.push(second)
    words!.push(word)
  }
  const added = quantile(through!, 0.5) - quantile(alone!, 0.5)
  report({
    case: 'gateway: added to a turn, median',
    value: added,
    unit: 'ms',
    better: 'lower',
    bar: MAX_TURN_MS,
  })
  report({
    case: 'gateway: first word after the first byte of the model, median',
    value: quantile(words!, 0.5),
    unit: 'ms',
    better: 'lower',
    bar: MAX_FIRST_BYTE_MS,
  })
  report({
    case: 'gateway: first word after the first byte of the model, p99',
    value: quantile(words!, 0.99),
    unit: 'ms',
    better: 'lower',
    bar: MAX_FIRST_BYTE_MS,
  })
  const start = performance.now()
  for (let batch = 0; batch < TURNS / AT_ONCE; batch += 1)
    await Promise.all(Array.from({ length: AT_ONCE }, () => turnMs(gateway, 'test/scripted')))
  report({
    case: `gateway: turns, ${AT_ONCE} at once`,
    value: TURNS / ((performance.now() - start) / 1000),
    unit: 'turns/s',
    better: 'higher',
    bar: null,
  })
}

export const gatewayCase: BenchCase = {
  name: 'gateway',
  title: 'the official OpenAI client against a real daemon, and what the gateway adds to the model',
  async run(context) {
    const { failed, total } = await runTests(context.signal)
    context.report({
      case: `gateway: tests of the official client that fail (of ${total})`,
      value: failed,
      unit: 'tests',
      better: 'lower',
      bar: 0,
    })
    const root = mkdtempSync(path.join(tmpdir(), 'village-bench-gateway-'))
    const endpoint = await startScriptedEndpoint()
    try {
      const daemon = await createDaemon({
        ...DEFAULT_CONFIG,
        'data.dir': path.join(root, 'data'),
        'log.level': 'silent',
        'api.port': 0,
        'api.requestsByMinute': 1_000_000,
        'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
        'mesh.mdns': false,
        'agents.endpoints': [`test=${endpoint.url}`],
      })
      try {
        await daemon.start()
        const { url, token } = await findDaemon(path.join(root, 'data'))
        await measure(context, endpoint, url, token)
      } finally {
        await daemon.stop()
      }
    } finally {
      await endpoint.close()
      rmSync(root, { recursive: true, force: true })
    }
  },
}
