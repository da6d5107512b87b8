/**
 * 256 MiB between two real daemons with a pre-shared key on this machine: how fast, in how much memory, and what is fetched
 * again after the receiver was killed half-way.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LocalNode, type Localnet, startLocalnet, startNode } from '../localnet.ts'
import type { Bench } from './bench.ts'

const SIZE_BYTES = 256 * 2 ** 20
const RUNS = 3
const SPEED_BAR_MIB = 100
const MEMORY_BAR_MB = 300
const POLL_MS = 100

interface Usage {
  sizeBytes: number
  sentBytes: number
  receivedBytes: number
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

async function addContent(daemon: LocalNode, file: string, seed: string): Promise<string> {
  await writeContent(file, seed)
  const { cid } = await daemon.client.send<{ cid: string }>('POST', '/api/v1/artifacts/path', {
    path: file,
    pin: 'bench',
  })
  return cid
}

const fetchArtifact = (daemon: LocalNode, cid: string) =>
  daemon.client.send('POST', `/api/v1/artifacts/${cid}/fetch`, { pin: 'bench' })

const usageOf = async (daemon: LocalNode) =>
  (await daemon.client.get<{ usage: Usage }>('/api/v1/artifacts')).usage

/** The largest resident memory since the start, in MB (10^6 bytes). */
async function peakMemoryMb(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6
}

async function untilConnected(daemon: LocalNode): Promise<void> {
  while ((await daemon.client.get<{ peers: unknown[] }>('/api/v1/peers')).peers.length === 0)
    await sleep(POLL_MS)
}

/** Starts a fetch and kills the receiver as soon as half of the bytes are there. */
async function fetchHalf(daemon: LocalNode, cid: string): Promise<void> {
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
        await daemon.kill()
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
  async run({ report, log }) {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
    const content = path.join(directory, 'content')
    let net: Localnet | undefined
    let restarted: LocalNode | undefined
    try {
      const settings = { profile: 'server', 'log.level': 'warn' } as const
      net = await startLocalnet({ count: 2, directory, name: 'bench', settings })
      const [sender, receiver] = net.nodes as [LocalNode, LocalNode]
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
      report({ case: 'peak memory of the receiver', value: await peakMemoryMb(receiver.process), ...memory })
      report({ case: 'peak memory of the sender', value: await peakMemoryMb(sender.process), ...memory })

      const cid = await addContent(sender, content, 'resumed')
      const before = await usageOf(receiver)
      log('fetch, receiver killed half-way')
      await fetchHalf(receiver, cid)
      restarted = await startNode({ directory: receiver.directory, settings })
      await untilConnected(restarted)
      const kept = (await usageOf(restarted)).sizeBytes - before.sizeBytes
      await fetchArtifact(restarted, cid)
      const after = await usageOf(restarted)
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
      await restarted?.stop()
      await net?.stop()
      await rm(directory, { recursive: true, force: true })
    }
  },
}
