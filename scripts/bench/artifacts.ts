/**
 * 256 MiB between two real daemons with a pre-shared key on this machine: how fast, in how much memory, and what is fetched
 * again after the receiver was killed half-way.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient, findDaemon } from '../../node/cli/client.ts'
import { NODE_ENVIRONMENT, NODE_FLAGS, nodeBinary } from '../run.js'
import type { Bench } from './bench.ts'

const SIZE_BYTES = 256 * 2 ** 20
const RUNS = 3
const SPEED_BAR_MIB = 100
const MEMORY_BAR_MB = 300
const READY_TIMEOUT_MS = 60_000
const POLL_MS = 100

interface Daemon {
  client: Client
  child: ChildProcess
}

interface Usage {
  sizeBytes: number
  sentBytes: number
  receivedBytes: number
}

const MAIN = path.resolve(import.meta.dirname, '../../node/main.ts')

/** As the launcher does it, without the launcher: SIGKILL has to hit the daemon itself. */
async function startDaemon(directory: string, signal: AbortSignal): Promise<Daemon> {
  const logFile = await open(`${directory}.log`, 'a')
  const options = [`--data.dir=${directory}`, '--api.port=0', '--profile=server', '--mesh.mdns=false']
  const child = spawn(nodeBinary(), [...NODE_FLAGS, MAIN, 'start', ...options], {
    stdio: ['ignore', logFile.fd, logFile.fd],
    env: { ...process.env, ...NODE_ENVIRONMENT },
  })
  await logFile.close()
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (Date.now() < deadline && child.exitCode === null && !signal.aborted) {
    try {
      const client = createClient({ ...(await findDaemon(directory)), directory, signal })
      await client.get('/healthz')
      return { client, child }
    } catch (error) {
      if ((error as { code?: string }).code !== 'DAEMON_NOT_RUNNING') throw error
      await sleep(POLL_MS)
    }
  }
  await stopDaemon(child, 'SIGKILL')
  throw new Error(`the daemon did not start:\n${(await readFile(`${directory}.log`, 'utf8')).slice(-4_000)}`)
}

async function stopDaemon(child: ChildProcess, how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(how)
  await ended
}

/** Bytes that nothing on the way can compress, and a new artifact for each seed. */
async function writeContent(file: string, seed: string): Promise<void> {
  const handle = await open(file, 'w')
  const block = Buffer.alloc(2 ** 20)
  for (let offset = 0; offset < block.byteLength; offset += 32)
    createHash('sha256').update(`${seed}/${offset}`).digest().copy(block, offset)
  for (let index = 0; index < SIZE_BYTES / block.byteLength; index++) {
    block.write(`${seed}/${index}/`)
    await handle.write(block)
  }
  await handle.close()
}

async function addContent(daemon: Daemon, file: string, seed: string): Promise<string> {
  await writeContent(file, seed)
  const { cid } = await daemon.client.send<{ cid: string }>('POST', '/api/v1/artifacts/path', {
    path: file,
    pin: 'bench',
  })
  return cid
}

const fetchArtifact = (daemon: Daemon, cid: string) =>
  daemon.client.send('POST', `/api/v1/artifacts/${cid}/fetch`, { pin: 'bench' })

const usageOf = async (daemon: Daemon) =>
  (await daemon.client.get<{ usage: Usage }>('/api/v1/artifacts')).usage

/** The largest resident memory since the start, in MB (10^6 bytes). */
async function peakMemoryMb(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6
}

async function untilConnected(daemon: Daemon): Promise<void> {
  while ((await daemon.client.get<{ peers: unknown[] }>('/api/v1/peers')).peers.length === 0)
    await sleep(POLL_MS)
}

/** Starts a fetch and kills the receiver as soon as half of the bytes are there. */
async function fetchHalf(daemon: Daemon, cid: string): Promise<void> {
  const events = daemon.client.events(['artifact:progress'], { lastEventId: null })
  const fetching = fetchArtifact(daemon, cid).then(
    () => Promise.reject(new Error('the fetch ended before the receiver was killed')),
    () => {
      // The killed daemon ends the connection: that is what this waits for.
    },
  )
  const killing = (async () => {
    for await (const { data } of events)
      if (data.cid === cid && Number(data.doneBytes) * 2 >= Number(data.totalBytes)) {
        await stopDaemon(daemon.child, 'SIGKILL')
        return
      }
  })().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') throw error
  })
  await Promise.all([fetching, killing])
}

export const artifactsBench: Bench = {
  name: 'artifacts',
  title: '256 MiB between two daemons with a pre-shared key, and again after a kill half-way',
  async run({ report, log, signal }) {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
    const content = path.join(directory, 'content')
    const started: ChildProcess[] = []
    const start = async (name: string) => {
      const daemon = await startDaemon(path.join(directory, name), signal)
      started.push(daemon.child)
      return daemon
    }
    try {
      const sender = await start('sender')
      let receiver = await start('receiver')
      await sender.client.send('POST', '/api/v1/village', { name: 'bench' })
      const invite = { role: 'member', expiresInMs: 600_000, uses: 1 }
      await receiver.client.send(
        'POST',
        '/api/v1/village/join',
        await sender.client
          .send<{ invite: string }>('POST', '/api/v1/village/invites', invite)
          .then((made) => ({ invite: made.invite })),
      )
      await untilConnected(receiver)

      const speeds: number[] = []
      for (let run = 0; run < RUNS; run++) {
        const cid = await addContent(sender, content, `speed ${run}`)
        log(`fetch ${run + 1} of ${RUNS}`)
        const startedAt = performance.now()
        await fetchArtifact(receiver, cid)
        speeds.push(SIZE_BYTES / 2 ** 20 / ((performance.now() - startedAt) / 1000))
      }
      const speed = { unit: 'MiB/s', better: 'higher' } as const
      const [slowest, median] = speeds.sort((a, b) => a - b)
      report({ case: 'fetch of 256 MiB, median of 3', value: median!, ...speed, bar: SPEED_BAR_MIB })
      report({ case: 'fetch of 256 MiB, slowest of 3', value: slowest!, ...speed, bar: null })
      const memory = { unit: 'MB', better: 'lower', bar: MEMORY_BAR_MB } as const
      report({ case: 'peak memory of the receiver', value: await peakMemoryMb(receiver.child), ...memory })
      report({ case: 'peak memory of the sender', value: await peakMemoryMb(sender.child), ...memory })

      const cid = await addContent(sender, content, 'resumed')
      const before = await usageOf(receiver)
      log('fetch, receiver killed half-way')
      await fetchHalf(receiver, cid)
      receiver = await start('receiver')
      await untilConnected(receiver)
      const kept = (await usageOf(receiver)).sizeBytes - before.sizeBytes
      await fetchArtifact(receiver, cid)
      const after = await usageOf(receiver)
      const missing = after.sizeBytes - before.sizeBytes - kept
      report({
        case: 'kept through the kill',
        value: kept / 2 ** 20,
        unit: 'MiB',
        better: 'higher',
        bar: null,
      })
      report({
        case: 'fetched after the restart, by what was missing',
        value: after.receivedBytes / missing,
        unit: 'times',
        better: 'lower',
        bar: 1,
      })
    } finally {
      for (const child of started) await stopDaemon(child, 'SIGTERM')
      await rm(directory, { recursive: true, force: true })
    }
  },
}
