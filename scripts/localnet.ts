/**
 * Real daemons on this machine, each a process with a data directory of its own: for the demo, the benchmarks and the
 * network tests, and by itself to try things (`node scripts/run.js scripts/localnet.ts 5`).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Client, createClient, findDaemon } from '../node/client.ts'
import type { ConfigKey } from '../node/config.ts'
import { NODE_ENVIRONMENT, NODE_FLAGS, nodeBinary } from './run.js'

const MAIN = fileURLToPath(new URL('../node/main.ts', import.meta.url))
const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 15_000
const POLL_MS = 50

export type Settings = Partial<Record<ConfigKey, string | number | boolean>>

export interface LocalNode {
  readonly directory: string
  readonly client: Client
  readonly token: string
  readonly peer: string
  readonly process: ChildProcess
  /** `http://…/#token=…` */
  readonly dashboardLink: string
  /** Orderly stop; resolves with the exit code. */
  stop(): Promise<number | null>
  /** SIGKILL: what a power cut looks like to the data directory. */
  kill(): Promise<void>
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts a daemon on loopback and waits until its API answers. */
export async function startNode(init: {
  directory: string
  settings?: Settings
  /** A command that runs the daemon as its last words: a limit, a cage. It must become the daemon (`exec`). */
  within?: readonly string[]
}): Promise<LocalNode> {
  const settings: Settings = {
    'data.dir': init.directory,
    'api.port': 0,
    'mesh.listen': '/ip4/127.0.0.1/tcp/0',
    'mesh.mdns': false,
    'log.level': 'info',
    ...init.settings,
  }
  mkdirSync(init.directory, { recursive: true, mode: 0o700 })
  // A file rather than a pipe: a daemon that outlives its starter must not die of a broken pipe.
  const logFile = `${init.directory}.log`
  const output = openSync(logFile, 'a')
  const [command = '', ...words] = [
    ...(init.within ?? []),
    ...[nodeBinary(), ...NODE_FLAGS, MAIN, 'start'],
    ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
  ]
  const child = spawn(command, words, {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...NODE_ENVIRONMENT },
  })
  closeSync(output)
  children.add(child)
  child.once('exit', () => children.delete(child))
  const readyBy = performance.now() + READY_TIMEOUT_MS
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > readyBy) {
      child.kill('SIGKILL')
      throw new Error(
        `the daemon in ${init.directory} did not start:\n${readFileSync(logFile, 'utf8').slice(-4_000)}`,
      )
    }
    try {
      const { url, token } = await findDaemon(init.directory)
      const client = createClient({
        url,
        token,
        directory: init.directory,
        signal: new AbortController().signal,
      })
      const { peer } = await client.get<{ peer: string }>('/api/v1/status')
      return {
        directory: init.directory,
        client,
        token,
        peer,
        process: child,
        dashboardLink: `${url}/#token=${token}`,
        async stop() {
          if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
          const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
          child.kill('SIGTERM')
          await once(child, 'exit')
          clearTimeout(deadline)
          return child.exitCode
        },
        async kill() {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill('SIGKILL')
          await once(child, 'exit')
        },
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'DAEMON_NOT_RUNNING') {
        child.kill('SIGKILL')
        throw error
      }
      await sleep(POLL_MS)
    }
  }
}

export interface Localnet {
  readonly nodes: readonly LocalNode[]
  readonly village: string
  stop(): Promise<void>
}

/** `count` daemons in one private village: the first creates it, the others join by invite. */
export async function startLocalnet(init: {
  count: number
  directory: string
  name: string
  settings?: Settings
  /** As of startNode, by the number of the node. */
  within?: (index: number) => readonly string[]
}): Promise<Localnet> {
  const nodes: LocalNode[] = []
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    nodes.push(
      ...(await Promise.all(
        Array.from({ length: init.count }, (_, index) =>
          startNode({
            directory: path.join(init.directory, `node-${index + 1}`),
            settings: { 'node.name': `node-${index + 1}`, ...init.settings },
            ...(init.within === undefined ? {} : { within: init.within(index) }),
          }),
        ),
      )),
    )
    const [first, ...others] = nodes
    const village = await first!.client.send<{ id: string }>('POST', '/api/v1/village', { name: init.name })
    if (others.length > 0) {
      const { invite } = await first!.client.send<{ invite: string }>('POST', '/api/v1/village/invites', {
        role: 'member',
        expiresInMs: 3_600_000,
        uses: others.length,
      })
      await Promise.all(others.map((node) => node.client.send('POST', '/api/v1/village/join', { invite })))
    }
    return { nodes, village: village.id, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const count = Number(process.argv[2] ?? '3')
  if (!Number.isInteger(count) || count < 1 || count > 50) {
    console.error('usage: node scripts/run.js scripts/localnet.ts [COUNT from 1 to 50]')
    process.exit(2)
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'village-localnet-'))
  const net = await startLocalnet({ count, directory, name: 'localnet' })
  for (const node of net.nodes) console.log(`${node.directory}  ${node.dashboardLink}`)
  console.log('Ctrl-C stops all of them and removes their data.')
  process.once('SIGINT', async () => {
    await net.stop()
    await rm(directory, { recursive: true, force: true })
    process.exit(0)
  })
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
}
