/**
 * The resource governor: what this machine lends, and whether it lends at present. Sensors are read every 10 s; the
 * decisions are pure. A node that stops accepting finishes what runs.
 */
import { statfs } from 'node:fs/promises'
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import type { Config } from '../config.ts'
import type { Events } from '../events.ts'
import type { Service } from '../lifecycle.ts'
import type { Log } from '../log.ts'
import { readMemoryCap } from '../memory-cap.ts'
import { type Power, readBatteryShare, readPower, readTemperature } from './sensors.ts'

/** What a profile lends of a machine. */
export interface Profile {
  readonly cpuShare: number
  readonly maxCpuCores: number
  readonly memoryShare: number
  readonly maxMemoryBytes: number
  readonly pausesOnBattery: boolean
}

export const PROFILES: Readonly<Record<string, Profile>> = {
  laptop: {
    cpuShare: 0.5,
    maxCpuCores: 1024,
    memoryShare: 0.5,
    maxMemoryBytes: 2 ** 50,
    pausesOnBattery: true,
  },
  server: {
    cpuShare: 1,
    maxCpuCores: 1024,
    memoryShare: 0.8,
    maxMemoryBytes: 2 ** 50,
    pausesOnBattery: false,
  },
  // A box of 2 GB that does other things too: this node is held below 512 MiB (docs/edge.md).
  edge: {
    cpuShare: 1,
    maxCpuCores: 1,
    memoryShare: 0.8,
    maxMemoryBytes: 400 * 2 ** 20,
    pausesOnBattery: true,
  },
}

export interface ResourceLimits {
  /** Tasks that run at once, one thread each. */
  readonly cpuCores: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly uploadBytesPerSecond: number | null
}

export interface Sensors {
  readonly power: Power
  /** What is left in the battery, 0 to 1; null without one. */
  readonly batteryShare: number | null
  readonly temperatureCelsius: number | null
  readonly freeMemoryBytes: number
  readonly rssBytes: number
}

export type PauseReason = 'battery' | 'temperature' | 'memory'

export interface Decision {
  /** Takes work of other members. */
  readonly accepting: boolean
  /** Takes work of this node's own jobs: their owner asked for it, so that a battery is no reason against it. */
  readonly acceptingOwn: boolean
  readonly reason: PauseReason | null
}

export interface ResourceSnapshot extends Sensors, Decision {
  readonly cpuCores: number
  readonly memoryBytes: number
  readonly diskFreeBytes: number
  /** One-minute load average by core; above 1 the machine is busy. */
  readonly load: number
}

export interface Resources extends Service {
  limits(): ResourceLimits
  snapshot(): ResourceSnapshot
  accepts(own: boolean): boolean
  onChange(listener: () => void): () => void
  /** Reads the sensors and the size of the machine now and decides again. */
  check(): Promise<void>
}

type ResourceConfig = Pick<
  Config,
  | 'profile'
  | 'resources.maxCpuCores'
  | 'resources.maxMemoryBytes'
  | 'resources.maxDiskBytes'
  | 'resources.maxUploadBytesPerSecond'
  | 'resources.maxTemperatureCelsius'
  | 'resources.onBattery'
>

const CHECK_MS = 10_000
/** Work starts again only when it is this much cooler, so that it does not flutter. */
const HYSTERESIS_CELSIUS = 5
/** What the daemon itself holds before any task, measured 105 to 130 MiB (docs/edge.md), and what tasks before left behind. */
const OWN_MEMORY_BYTES = 160 * 2 ** 20
const MIN_FREE_MEMORY_BYTES = 128 * 2 ** 20

export function limitsOf(
  config: ResourceConfig,
  machine: { cores: number; memoryBytes: number },
): ResourceLimits {
  const profile = PROFILES[config.profile]!
  const share = Math.max(1, Math.min(profile.maxCpuCores, Math.floor(machine.cores * profile.cpuShare)))
  return {
    cpuCores: Math.min(config['resources.maxCpuCores'] ?? share, machine.cores),
    memoryBytes:
      config['resources.maxMemoryBytes'] ??
      Math.max(
        0,
        Math.min(
          profile.maxMemoryBytes,
          Math.floor(machine.memoryBytes * profile.memoryShare),
          machine.memoryBytes - OWN_MEMORY_BYTES,
        ),
      ),
    diskBytes: config['resources.maxDiskBytes'],
    uploadBytesPerSecond: config['resources.maxUploadBytesPerSecond'],
  }
}

/** Whether work is taken, from what the sensors say and what was decided before. */
export function decide(
  config: ResourceConfig,
  limits: Pick<ResourceLimits, 'memoryBytes'>,
  sensors: Sensors,
  before: Decision | null,
): Decision {
  const { temperatureCelsius } = sensors
  const limitCelsius =
    config['resources.maxTemperatureCelsius'] - (before?.reason === 'temperature' ? HYSTERESIS_CELSIUS : 0)
  if (temperatureCelsius !== null && temperatureCelsius > limitCelsius)
    return { accepting: false, acceptingOwn: false, reason: 'temperature' }
  if (sensors.rssBytes > limits.memoryBytes || sensors.freeMemoryBytes < MIN_FREE_MEMORY_BYTES)
    return { accepting: false, acceptingOwn: true, reason: 'memory' }
  const onBattery = config['resources.onBattery']
  const pauses = onBattery === 'pause' || (onBattery === 'auto' && PROFILES[config.profile]!.pausesOnBattery)
  if (sensors.power === 'battery' && pauses)
    return { accepting: false, acceptingOwn: true, reason: 'battery' }
  return { accepting: true, acceptingOwn: true, reason: null }
}

/** What caches give back counts as free (MemAvailable on Linux). Under a cap (a container's, a unit's) it is what the cap leaves. */
function readMemory(): { freeMemoryBytes: number; rssBytes: number } {
  const cap = readMemoryCap()
  const leftBytes = cap === null ? Number.POSITIVE_INFINITY : Math.max(0, cap.limitBytes - cap.usedBytes)
  return { freeMemoryBytes: Math.min(freemem(), leftBytes), rssBytes: process.memoryUsage.rss() }
}

/** Of the machine, or of the cap that this process runs under. */
export const memoryOfMachine = (): number =>
  Math.min(totalmem(), readMemoryCap()?.limitBytes ?? Number.POSITIVE_INFINITY)

async function readMachine(): Promise<Sensors> {
  const [power, batteryShare, temperatureCelsius] = await Promise.all([
    readPower(),
    readBatteryShare(),
    readTemperature(),
  ])
  return { power, batteryShare, temperatureCelsius, ...readMemory() }
}

export function createResources(
  components: { log: Log; events: Pick<Events, 'emit'>; config: ResourceConfig },
  init: { directory: string; readSensors?: () => Promise<Sensors> },
): Resources {
  const { log, events, config } = components
  const readSensors = init.readSensors ?? readMachine
  const readSize = () => ({ cores: availableParallelism(), memoryBytes: memoryOfMachine() })
  // Asked for with every block that is stored and every task that begins: reading the caps each time took an eighth of the
  // event loop's work in a job.
  let size = readSize()
  // The configuration may change.
  const limits = () => limitsOf(config, size)
  const listeners = new Set<() => void>()
  let sensors: Sensors = {
    power: 'unknown',
    batteryShare: null,
    temperatureCelsius: null,
    ...readMemory(),
  }
  let decision = decide(config, limits(), sensors, null)
  let diskFreeBytes = 0
  let timer: NodeJS.Timeout | undefined
  let checking: Promise<void> | undefined

  async function readAll(): Promise<void> {
    size = readSize()
    try {
      sensors = await readSensors()
      const disk = await statfs(init.directory)
      diskFreeBytes = disk.bavail * disk.bsize
    } catch (error) {
      log.warn({ err: error }, 'sensors could not be read')
      return
    }
    const next = decide(config, limits(), sensors, decision)
    const changed =
      next.accepting !== decision.accepting ||
      next.acceptingOwn !== decision.acceptingOwn ||
      next.reason !== decision.reason
    decision = next
    if (!changed) return
    log.info({ accepting: next.accepting, reason: next.reason }, 'work is taken or paused')
    events.emit('resources:changed', { accepting: next.accepting, reason: next.reason })
    for (const listener of listeners) listener()
  }

  function check(): Promise<void> {
    checking ??= readAll().finally(() => {
      checking = undefined
    })
    return checking
  }

  return {
    name: 'resources',
    async start() {
      await check()
      timer = setInterval(() => void check(), CHECK_MS).unref()
    },
    async stop() {
      clearInterval(timer)
      await checking
    },
    limits,
    snapshot: () => ({
      ...sensors,
      ...decision,
      ...readMemory(),
      cpuCores: limits().cpuCores,
      memoryBytes: limits().memoryBytes,
      diskFreeBytes,
      load: loadavg()[0]! / availableParallelism(),
    }),
    accepts: (own) => (own ? decision.acceptingOwn : decision.accepting),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    check,
  }
}
