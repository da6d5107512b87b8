/**
 * The real daemon, started as a person starts it: how long until it answers, what it takes when it does nothing, and
 * whether its event loop stays free while a codec keeps every core busy.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient, findDaemon } from '../../node/client.ts'
import { nodeBinary } from '../run.js'
import type { Bench } from './bench.ts'

const READY_BAR_SECONDS = 2
const IDLE_BAR_MB = 150
const DELAY_BAR_MS = 50
const STARTS = 3
const POLL_MS = 5
const READY_TIMEOUT_MS = 60_000
const IDLE_MS = 10_000
/** The codec is at work for at least this long, or until its job is done. */
const LOAD_MS = 30_000
const STOP_TIMEOUT_MS = 15_000

interface Daemon {
  client: Client
  readySeconds: number
  stop(): Promise<void>
}

/** `npm start` runs the same script; the time that the launcher takes is part of the wait. */
async function startDaemon(directory: string, signal: AbortSignal): Promise<Daemon> {
  const logFile = path.join(directory, 'bench.log')
  const output = await open(logFile, 'a')
  const data = path.join(directory, 'data')
  const started = performance.now()
  const child = spawn(
    nodeBinary(),
    [
      'scripts/village.js',
      'start',
      `--data.dir=${data}`,
      '--api.port=0',
      '--profile=server',
      '--mesh.mdns=false',
    ],
    {
      cwd: path.resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', output.fd, output.fd],
      detached: true, // a group of its own: the launcher and the daemon can be killed together
    },
  )
  await output.close()
  const stop = () => stopDaemon(child)
  try {
    while (performance.now() - started < READY_TIMEOUT_MS) {
      signal.throwIfAborted()
      if (child.exitCode !== null || child.signalCode !== null) break
      const client = await healthyClient(data, signal)
      if (client !== null) return { client, readySeconds: (performance.now() - started) / 1000, stop }
      await sleep(POLL_MS)
    }
    throw new Error(`the daemon did not start:\n${readFileSync(logFile, 'utf8').slice(-4_000)}`)
  } catch (error) {
    await stop()
    throw error
  }
}

async function healthyClient(directory: string, signal: AbortSignal): Promise<Client | null> {
  try {
    const { url, token } = await findDaemon(directory)
    const client = createClient({ url, token, directory, signal })
    await client.get('/healthz')
    return client
  } catch (error) {
    if ((error as { code?: string }).code === 'DAEMON_NOT_RUNNING') return null
    throw error
  }
}

/** The launcher forwards the signal and ends with the daemon. */
async function stopDaemon(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const deadline = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), STOP_TIMEOUT_MS)
  child.kill('SIGTERM')
  await once(child, 'exit')
  clearTimeout(deadline)
}

/** The value of one sample of a scrape, for example `village_pool_busy` or `x{quantile="0.99"}`. */
export function sampleOf(text: string, sample: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `))
  if (line === undefined) throw new Error(`/metrics has no ${sample}`)
  return Number(line.slice(sample.length + 1))
}

async function scrape(client: Client): Promise<string> {
  const response = await client.download('/metrics')
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

const delayMs = (text: string, quantile: string) =>
  sampleOf(text, `village_event_loop_delay_seconds{quantile="${quantile}"}`) * 1000
const memoryMb = (text: string) => sampleOf(text, 'process_resident_memory_bytes') / 1e6

interface Load {
  delayMs: number
  longestMs: number
  memoryMb: number
  seconds: number
}

/** Compresses the embedded encoder with the most expensive codec and watches the daemon meanwhile. */
async function underLoad(client: Client, signal: AbortSignal): Promise<Load> {
  await client.send('POST', '/api/v1/models', { embedded: 'encoder' })
  await scrape(client) // delays count from here
  const started = performance.now()
  const job = await client.send<{ id: string }>('POST', '/api/v1/jobs', {
    kind: 'compress',
    params: { model: 'encoder', codec: 'seedlm' },
  })
  const state = async () =>
    await client.get<{ state: string; error: { message: string } | null }>(`/api/v1/jobs/${job.id}`)
  while ((await state()).state === 'running' && performance.now() - started < LOAD_MS)
    await sleep(1000, undefined, { signal })
  const text = await scrape(client)
  const ended = await state()
  if (ended.state === 'failed') throw new Error(`the compress job failed: ${ended.error?.message}`)
  if (ended.state === 'running') await client.send('POST', `/api/v1/jobs/${job.id}/cancel`)
  return {
    delayMs: delayMs(text, '0.99'),
    longestMs: delayMs(text, '1'),
    memoryMb: memoryMb(text),
    seconds: (performance.now() - started) / 1000,
  }
}

export const daemonBench: Bench = {
  name: 'daemon',
  title: 'start, idle memory, and the event loop under a codec’s full load',
  async run({ report, log, signal }) {
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-'))
    let daemon: Daemon | undefined
    try {
      const readySeconds: number[] = []
      for (let index = 0; index < STARTS; index++) {
        log(index === 0 ? 'first start, on an empty data directory' : 'start in a village')
        daemon = await startDaemon(directory, signal)
        readySeconds.push(daemon.readySeconds)
        if (index === 0) await daemon.client.send('POST', '/api/v1/village', { name: 'bench' })
        if (index < STARTS - 1) await daemon.stop()
      }
      const seconds = { unit: 's', better: 'lower', bar: READY_BAR_SECONDS } as const
      report({ case: 'ready, first start', value: readySeconds[0]!, ...seconds })
      report({ case: 'ready, in a village (slowest)', value: Math.max(...readySeconds.slice(1)), ...seconds })

      log('idle for 10 s')
      await sleep(IDLE_MS, undefined, { signal })
      const idle = await scrape(daemon!.client)
      report({ case: 'idle memory', value: memoryMb(idle), unit: 'MB', better: 'lower', bar: IDLE_BAR_MB })

      log('compressing the encoder with seedlm on every core')
      const load = await underLoad(daemon!.client, signal)
      const lower = { better: 'lower', bar: null } as const
      report({
        case: 'event-loop delay under load, p99',
        value: load.delayMs,
        unit: 'ms',
        better: 'lower',
        bar: DELAY_BAR_MS,
      })
      report({ case: 'event-loop delay under load, longest', value: load.longestMs, unit: 'ms', ...lower })
      report({ case: 'memory under load', value: load.memoryMb, unit: 'MB', ...lower })
      report({ case: 'watched under load', value: load.seconds, unit: 's', better: 'higher', bar: null })
    } finally {
      await daemon?.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
