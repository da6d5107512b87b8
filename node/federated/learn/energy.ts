/** What training takes of energy: the counters of the processor where the system shows them (Linux RAPL), else an estimate. */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** A core at work takes 3 to 15 W in laptops and servers of today. */
const WATTS_BY_CORE = 10
const POWERCAP = '/sys/class/powercap'
/** Packages alone: the domains inside them are counted in them. */
const PACKAGE = /^intel-rapl:\d+$/

async function readNumber(file: string): Promise<number | null> {
  // Many systems show the counters to root alone: then energy is estimated.
  const text = await readFile(file, 'utf8').catch(() => '')
  return /^\d+$/.test(text.trim()) ? Number(text) : null
}

interface Counter {
  readonly microjoules: number
  /** The counter starts again at 0 after this. */
  readonly range: number
}

async function readCounters(root: string): Promise<ReadonlyMap<string, Counter>> {
  const counters = new Map<string, Counter>()
  // No such directory: a machine without these counters.
  for (const name of (await readdir(root).catch(() => [])).filter((one) => PACKAGE.test(one))) {
    const microjoules = await readNumber(path.join(root, name, 'energy_uj'))
    const range = await readNumber(path.join(root, name, 'max_energy_range_uj'))
    if (microjoules !== null && range !== null) counters.set(name, { microjoules, range })
  }
  return counters
}

export interface EnergyUse {
  readonly joules: number
  /** Of the whole processor, whatever else it did; else by time and cores. */
  readonly measured: boolean
}

/**
 * Begins to measure. The function that it returns says what was taken since it was called before; counters start again after an
 * hour or so of work, so that it has to be called more often than that. `root` is another place in tests.
 */
export async function measureEnergy(
  init: { cores: number; now: () => number },
  root = POWERCAP,
): Promise<() => Promise<EnergyUse>> {
  let before = await readCounters(root)
  let startMs = init.now()
  return async () => {
    const after = await readCounters(root)
    const nowMs = init.now()
    let microjoules = 0
    for (const [name, { microjoules: end, range }] of after) {
      const start = before.get(name)?.microjoules ?? end
      microjoules += end >= start ? end - start : end + range - start
    }
    const measured = before.size > 0 && after.size > 0
    const estimate = (Math.max(0, nowMs - startMs) / 1000) * init.cores * WATTS_BY_CORE
    before = after
    startMs = nowMs
    return { joules: measured ? microjoules / 1e6 : estimate, measured }
  }
}
