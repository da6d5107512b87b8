/** `village mcp` as a program that a client starts, by the official client. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { VillageError } from '../../node/errors.ts'
import { toolNamed, untrusted } from '../helpers/agent-parts.ts'
import { startTestApi } from '../helpers/api-server.ts'
import { withApi } from '../helpers/command-line.ts'
import { memoryAgents } from '../helpers/memory-agents.ts'

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url))

/** Of two bytes each, and more of them than one piece of a stream holds. */
const LETTERS = 'ü'.repeat(7_000)

interface Ended {
  code: number | null
  out: string
  err: string
}

/** The program on an input that ends. */
function run(directory: string, input: string, environment: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'mcp', '--data.dir', directory], {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  child.stdin.end(input)
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

const lines = (out: string) =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

test('the official client over stdio: list, call, progress, cancel; the session ends with the program', async () => {
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
  // The client forgets whom to tell of progress when the answer is there: it may not come in one piece with it.
  const seen = Promise.withResolvers<void>()
  const search = toolNamed('knowledge_search', {
    run: async ({ query }, { progress }) => {
      progress('half')
      await seen.promise
      return untrusted({ passage: `${String(query)} ${LETTERS}` })
    },
  })
  const server = await startTestApi({ services: memoryAgents({ tools: () => [wait, search] }) })
  const client = new Client({ name: 'test', version: '1.0.0' })
  try {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [MAIN, 'mcp', '--data.dir', server.directory],
      stderr: 'ignore',
    })
    await client.connect(transport as Parameters<typeof client.connect>[0])
    const { tools } = await client.listTools()
    assert.ok(tools.some(({ name }) => name === 'ask_sage'))
    const progress: unknown[] = []
    const result = await client.callTool(
      { name: 'knowledge_search', arguments: { query: 'pumps' } },
      undefined,
      {
        onprogress: ({ message }) => {
          progress.push(message)
          seen.resolve()
        },
      },
    )
    const { passage } = (result.structuredContent as { result: { passage: string } }).result
    assert.ok(passage === `pumps ${LETTERS}`)
    assert.equal(progress, ['half'])
    const controller = new AbortController()
    const waiting = client.callTool({ name: 'job_wait' }, undefined, { signal: controller.signal })
    await begun.promise
    controller.abort()
    await waiting.catch(() => undefined)
    assert.is(((await ended.promise) as VillageError).code, 'ABORTED')
  } finally {
    await client.close()
    await server.close()
  }
})

test('standard output holds answers alone: garbage, no daemon, a key without scope', async () => {
  const empty = await mkdtemp(path.join(tmpdir(), 'village-mcp-'))
  const server = await startTestApi({ services: memoryAgents({ tools: () => [] }) })
  try {
    const none = await run(empty, '')
    assert.is(none.code, 3)
    assert.is(none.out, '')
    assert.match(none.err, /error DAEMON_NOT_RUNNING/)

    const initialize = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    })
    const list = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' })
    const odd = await run(server.directory, `{oops\n[1]\n${list}\n${initialize}\n${list}\n`)
    assert.is(odd.code, 0, odd.err)
    const answers = lines(odd.out)
    assert.equal(
      answers.map(({ id, error }) => [id, error?.code ?? null]),
      [
        [null, -32700],
        [null, -32600],
        [2, -32000], // no session yet
        [1, null],
        [2, null],
      ],
    )
    assert.is(answers[3].result.protocolVersion, '2025-06-18')

    const wrong = await run(server.directory, `${initialize}\n`, { VILLAGE_KEY: 'vk_wrong' })
    assert.match(lines(wrong.out)[0].error.message, /^API_UNAUTHORIZED/)
  } finally {
    await server.close()
    await rm(empty, { recursive: true })
  }
})

test('tools of MCP servers: what changed is shown, and accepted by name', () =>
  withApi(async (cli) => {
    const before = await cli('tools', 'servers')
    assert.match(before.out, /^odd \(stdio\): ready\n {2}mcp_odd_report {2}changed\n/)
    assert.match(before.out, /was: Writes a report\.\n +now: Writes another\./)
    assert.is(
      (await cli('tools', 'accept', 'mcp_odd_report', 'abababab')).out,
      'mcp_odd_report: Writes another.\n',
    )
    assert.match((await cli('tools', 'servers', '--refresh')).out, /ready\n {2}mcp_odd_report\n$/)
    assert.match((await cli('tools', 'accept', 'mcp_odd_none', 'abababab')).err, /TOOL_UNKNOWN/)
  }))

test.run()
