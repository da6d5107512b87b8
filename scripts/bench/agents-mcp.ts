/**
 * MCP: whether the official client passes its tests over HTTP and stdio, and what a call costs on a real daemon, whose tools include those
 * of another MCP server that it is itself a client of.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { findDaemon } from '../../node/client.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon } from '../../node/daemon.ts'
import { connectMcp } from '../../test/helpers/mcp-client.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'

const at = (target: string) => fileURLToPath(new URL(`../../${target}`, import.meta.url))
const TESTS = [
  'test/api/mcp/mcp-http.test.ts',
  'test/api/mcp/mcp-sessions.test.ts',
  'test/cli/mcp.test.ts',
  'test/agents/tools/mcp-tools.test.ts',
]
const CALLS = 200
const WARM_UP = 20
const SESSIONS = 20

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!

function runTests(file: string, signal: AbortSignal): Promise<{ failed: number; total: number }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--expose-gc', at(file)], { signal, timeout: 120_000 }, (error, stdout) => {
      const total = /Total:\s+(\d+)/.exec(stdout)?.[1]
      const passed = /Passed:\s+(\d+)/.exec(stdout)?.[1]
      if (total === undefined || passed === undefined)
        return reject(new Error(`${file} did not run`, { cause: error }))
      resolve({ failed: Number(total) - Number(passed), total: Number(total) })
    })
  })
}

async function ms(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function callMs(client: Client, name: string, given: Record<string, unknown>): Promise<number> {
  return ms(async () => {
    const { isError } = await client.callTool({ name, arguments: given })
    if (isError === true) throw new Error(`${name} failed`)
  })
}

async function series(client: Client, name: string, given: Record<string, unknown>, signal: AbortSignal) {
  const values: number[] = []
  for (let call = -WARM_UP; call < CALLS; call += 1) {
    signal.throwIfAborted()
    const value = await callMs(client, name, given)
    if (call >= 0) values.push(value)
  }
  return values
}

const watched = (name: string, value: number, unit = 'ms') => ({
  ...{ case: `mcp: ${name}`, value, unit, better: 'lower' as const, bar: null },
})

async function measure({ report, signal }: BenchContext, directory: string): Promise<void> {
  const { url, token } = await findDaemon(directory)
  const { client, transport } = await connectMcp(url, token)
  const { tools } = await client.listTools()
  report({ ...watched('tools that a client is offered', tools.length, 'tools'), better: 'higher' })
  const own = await series(client, 'time_now', {}, signal)
  report(watched('a call over HTTP, median', quantile(own, 0.5)))
  report(watched('a call over HTTP, p99', quantile(own, 0.99)))
  const outside = await series(client, 'mcp_odd_echo', {}, signal)
  report(watched('a call over HTTP of a tool of another MCP server, median', quantile(outside, 0.5)))
  await transport.terminateSession()
  await client.close()

  const clients: Awaited<ReturnType<typeof connectMcp>>[] = []
  const opening = await ms(async () => {
    clients.push(...(await Promise.all(Array.from({ length: SESSIONS }, () => connectMcp(url, token)))))
  })
  report(watched(`${SESSIONS} sessions opened at once`, opening))
  report(
    watched(
      `${SESSIONS} sessions, a call each at once`,
      await ms(() => Promise.all(clients.map((row) => callMs(row.client, 'time_now', {})))),
    ),
  )
  await Promise.all(clients.map((row) => row.client.close()))

  const stdio = new Client({ name: 'bench', version: '1.0.0' })
  const program = new StdioClientTransport({
    command: process.execPath,
    args: [at('node/main.ts'), 'mcp', '--data.dir', directory],
    stderr: 'ignore',
  })
  report(
    watched(
      'the program of stdio started and initialised',
      await ms(() => stdio.connect(program as Parameters<typeof stdio.connect>[0])),
    ),
  )
  report(watched('a call over stdio, median', quantile(await series(stdio, 'time_now', {}, signal), 0.5)))
  await stdio.close()
}

export const mcpCase: BenchCase = {
  name: 'mcp',
  title: 'the official MCP client over HTTP and stdio, and what a call costs',
  async run(context) {
    let [failed, total] = [0, 0]
    for (const file of TESTS) {
      const tests = await runTests(file, context.signal)
      failed += tests.failed
      total += tests.total
    }
    context.report({
      ...watched(
        `tests of the official client, and against hostile servers, that fail (of ${total})`,
        failed,
        'tests',
      ),
      bar: 0,
    })
    const root = mkdtempSync(path.join(tmpdir(), 'village-bench-mcp-'))
    const directory = path.join(root, 'data')
    const server = [process.execPath, at('test/helpers/odd-mcp-server.ts')].map((word) =>
      JSON.stringify(word),
    )
    try {
      const daemon = await createDaemon({
        ...DEFAULT_CONFIG,
        'data.dir': directory,
        'log.level': 'silent',
        'api.port': 0,
        'api.requestsByMinute': 1_000_000,
        'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
        'mesh.mdns': false,
        'agents.mcpServers': [`odd=${server.join(' ')}`],
      })
      try {
        await daemon.start()
        await measure(context, directory)
      } finally {
        await daemon.stop()
      }
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  },
}
