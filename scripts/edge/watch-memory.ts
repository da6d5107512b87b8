/** The most memory that the processes of a cage took, by phase: sampled every 50 ms, the program's own pages every 250 ms. */
import { readFileSync } from 'node:fs'
import { parsePss } from '../../node/compute/monitor/child-processes.ts'
import type { MemoryCage } from './memory-cage.ts'

const SAMPLE_MS = 50
/** Adding up the pages of a process costs milliseconds: every fifth time. */
const PSS_EVERY = 5

export interface Peak {
  /** Held against the cap: memory of the processes and of the kernel for them, without page cache. */
  readonly heldBytes: number
  /** Proportional set size of all processes, which counts mapped files (the program itself) too. */
  readonly pssBytes: number
  readonly processes: number
}

export interface MemoryWatch {
  /** The peak since the last call, over all cages the highest of each. */
  take(): Peak
  stop(): void
}

function pssOf(pid: number): number {
  try {
    return parsePss(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  } catch {
    return 0 // it has just ended
  }
}

export function watchMemory(cages: readonly MemoryCage[]): MemoryWatch {
  let peak: Peak = { heldBytes: 0, pssBytes: 0, processes: 0 }
  let samples = 0
  const sample = () => {
    const withPss = samples++ % PSS_EVERY === 0
    for (const cage of cages) {
      const pids = cage.pids()
      peak = {
        heldBytes: Math.max(peak.heldBytes, cage.heldBytes()),
        pssBytes: Math.max(peak.pssBytes, withPss ? pids.reduce((sum, pid) => sum + pssOf(pid), 0) : 0),
        processes: Math.max(peak.processes, pids.length),
      }
    }
  }
  const timer = setInterval(sample, SAMPLE_MS)
  return {
    take() {
      samples = 0
      sample()
      const taken = peak
      peak = { heldBytes: 0, pssBytes: 0, processes: 0 }
      return taken
    },
    stop: () => clearInterval(timer),
  }
}
