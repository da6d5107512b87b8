/**
 * What this node takes of its machine, over time: sampled every 10 s into two rings (history.ts). It is kept in memory only:
 * writing it would wear the memory card of a small box, and a monitoring system that wants years of it scrapes /metrics.
 */
import { cpus } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Resources } from '../resources.ts'
import { type ChildProcesses, readChildProcesses } from './child-processes.ts'
import type { Sample } from './columns.ts'
import { type DiskPart, diskUsage } from './disk-usage.ts'
import { createHistory, type HistoryView, SAMPLE_SECONDS } from './history.ts'

export interface DiskView {
  readonly usedBytes: number
  /** Largest first: an entry of the data directory each. */
  readonly parts: readonly DiskPart[]
  readonly atMs: number
}

export interface Monitor extends Service {
  /** The last `seconds` (at most a day). */
  history(seconds: number): HistoryView
  /** The newest sample; null until the first, 10 s after the start. */
  latest(): Sample | null
  /** What the data directory takes, as last walked; null until the first walk has ended. */
  disk(): DiskView | null
  /** Processes that the daemon started; null where the system does not say. */
  children(): ChildProcesses | null
}

/** Totals since some moment: a rate is the difference of two. */
export interface Totals {
  readonly atSeconds: number
  readonly cpuSeconds: number
  readonly childrenCpuSeconds: number | null
  readonly machineBusySeconds: number
  readonly machineSeconds: number
  readonly meshReceivedBytes: number
  readonly meshSentBytes: number
  readonly artifactReceivedBytes: number
  readonly artifactSentBytes: number
}

const DISK_EVERY_MS = 600_000
const DELAY_RESOLUTION_MS = 20
/** A machine that slept, or a clock that was set: what lies between is no rate. */
const LONGEST_INTERVAL_SECONDS = 6 * SAMPLE_SECONDS

export type Rates = Pick<
  Sample,
  | 'cpuCores'
  | 'machineCpuShare'
  | 'meshReceivedBytesPerSecond'
  | 'meshSentBytesPerSecond'
  | 'artifactReceivedBytesPerSecond'
  | 'artifactSentBytesPerSecond'
>

/** All null when there is nothing to compare with. A child that ended takes its time with it: then that part counts 0. */
export function ratesBetween(before: Totals | null, now: Totals): Rates {
  const seconds = before === null ? 0 : now.atSeconds - before.atSeconds
  const known = before !== null && seconds > 0 && seconds <= LONGEST_INTERVAL_SECONDS
  const rate = (read: (totals: Totals) => number): number | null =>
    known ? Math.max(0, read(now) - read(before)) / seconds : null
  const machineSeconds = known ? now.machineSeconds - before.machineSeconds : 0
  const own = rate(({ cpuSeconds }) => cpuSeconds)
  const children = rate(({ childrenCpuSeconds }) => childrenCpuSeconds ?? 0)
  return {
    cpuCores: own === null ? null : own + (children ?? 0),
    machineCpuShare:
      known && machineSeconds > 0
        ? Math.min(1, Math.max(0, (now.machineBusySeconds - before.machineBusySeconds) / machineSeconds))
        : null,
    meshReceivedBytesPerSecond: rate(({ meshReceivedBytes }) => meshReceivedBytes),
    meshSentBytesPerSecond: rate(({ meshSentBytes }) => meshSentBytes),
    artifactReceivedBytesPerSecond: rate(({ artifactReceivedBytes }) => artifactReceivedBytes),
    artifactSentBytesPerSecond: rate(({ artifactSentBytes }) => artifactSentBytes),
  }
}

function machineTimes(): { machineBusySeconds: number; machineSeconds: number } {
  let busyMs = 0
  let idleMs = 0
  for (const { times } of cpus()) {
    busyMs += times.user + times.nice + times.sys + times.irq
    idleMs += times.idle
  }
  return { machineBusySeconds: busyMs / 1000, machineSeconds: (busyMs + idleMs) / 1000 }
}

export function createMonitor(
  components: {
    log: Log
    resources: Pick<Resources, 'snapshot'>
    mesh: Pick<Mesh, 'transferred'>
    artifacts: Pick<Artifacts, 'usage'>
  },
  init: { directory: string; nowMs?: () => number; sampleEveryMs?: number },
): Monitor {
  const { log, resources, mesh, artifacts } = components
  const nowMs = init.nowMs ?? Date.now
  const history = createHistory()
  const stopping = new AbortController()
  let delay: ReturnType<typeof monitorEventLoopDelay> | undefined
  let before: Totals | null = null
  let children: ChildProcesses | null = null
  let disk: DiskView | null = null
  let timer: NodeJS.Timeout | undefined
  let sampling: Promise<void> | undefined
  let walking: Promise<void> | undefined

  function totals(): Totals {
    const { user, system } = process.cpuUsage()
    const transferred = mesh.transferred()
    const { sentBytes, receivedBytes } = artifacts.usage()
    return {
      atSeconds: nowMs() / 1000,
      cpuSeconds: (user + system) / 1e6,
      childrenCpuSeconds: children?.cpuSeconds ?? null,
      ...machineTimes(),
      meshReceivedBytes: transferred.receivedBytes,
      meshSentBytes: transferred.sentBytes,
      artifactReceivedBytes: receivedBytes,
      artifactSentBytes: sentBytes,
    }
  }

  /** In milliseconds beyond the timer's own period, since the last call. */
  function readDelayMs(): number | null {
    if (delay === undefined || delay.count === 0) return null
    const delayMs = Math.max(0, delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS)
    delay.reset()
    return delayMs
  }

  async function sample(): Promise<void> {
    children = await readChildProcesses()
    const now = totals()
    const { temperatureCelsius, batteryShare, power, freeMemoryBytes, rssBytes, diskFreeBytes } =
      resources.snapshot()
    history.push(now.atSeconds, {
      ...ratesBetween(before, now),
      rssBytes,
      heapBytes: process.memoryUsage().heapUsed,
      childrenBytes: children?.memoryBytes ?? null,
      freeMemoryBytes,
      loopDelayMs: readDelayMs(),
      temperatureCelsius,
      batteryShare,
      onBattery: power === 'unknown' ? null : Number(power === 'battery'),
      diskUsedBytes: disk?.usedBytes ?? null,
      diskFreeBytes: diskFreeBytes > 0 ? diskFreeBytes : null,
    })
    before = now
    if (disk === null || nowMs() - disk.atMs >= DISK_EVERY_MS) walking ??= walk()
  }

  /** Beside the samples: they do not wait for a slow disk. */
  async function walk(): Promise<void> {
    try {
      // The store of blocks knows its size, and has by far the most files.
      const known = new Map([['blocks', artifacts.usage().sizeBytes]])
      const parts = await diskUsage(init.directory, { known, signal: stopping.signal })
      const usedBytes = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      if (!stopping.signal.aborted) disk = { usedBytes, parts, atMs: nowMs() }
    } catch (error) {
      log.warn({ err: error }, 'the data directory could not be measured')
    } finally {
      walking = undefined
    }
  }

  function tick(): void {
    sampling ??= sample()
      .catch((error: unknown) => log.warn({ err: error }, 'resources could not be sampled'))
      .finally(() => {
        sampling = undefined
      })
  }

  return {
    name: 'monitor',
    async start() {
      delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
      delay.enable()
      before = totals()
      timer = setInterval(tick, init.sampleEveryMs ?? SAMPLE_SECONDS * 1000).unref()
    },
    async stop() {
      clearInterval(timer)
      stopping.abort()
      delay?.disable()
      await sampling
      await walking
    },
    history: (seconds) => history.read(seconds, nowMs() / 1000),
    latest: history.latest,
    disk: () => disk,
    children: () => children,
  }
}
