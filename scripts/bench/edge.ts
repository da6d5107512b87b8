/**
 * The profile `edge` under a hard cap: three nodes, each in a control group of 512 MiB, in a network namespace without a route, do
 * what the demo does, index and answer, and generate. The kernel ends who passes the cap; the bar is that it ends nobody.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { cageRoot } from '../edge/memory-cage.ts'
import { NODE_FLAGS, nodeBinary } from '../run.js'
import type { Bench } from './bench.ts'

const CAP_MIB = 512
const NODES = 3
const RUN = path.resolve(import.meta.dirname, '../edge/edge-run.ts')

export const edgeBench: Bench = {
  name: 'edge',
  title: 'the profile edge under a hard cap of 512 MiB, without a network',
  async run({ report, log, signal }) {
    const root = cageRoot()
    if ('why' in root) {
      log(`skipped: ${root.why}`)
      return
    }
    const words = [nodeBinary(), ...NODE_FLAGS, RUN, String(CAP_MIB), String(NODES)]
    const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal,
    })
    let failure: string | null = null
    let kills: number | null = null
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as {
        phase?: string
        seconds?: number
        heldBytes?: number
        pssBytes?: number
        error?: string
        kills?: number
      }
      failure ??= line.error ?? null
      kills ??= line.kills ?? null
      if (line.phase === undefined) continue
      const lower = { better: 'lower' } as const
      report({
        case: `${line.phase}: held at most`,
        value: line.heldBytes! / 2 ** 20,
        unit: 'MiB',
        bar: CAP_MIB,
        ...lower,
      })
      report({
        case: `${line.phase}: with mapped files`,
        value: line.pssBytes! / 2 ** 20,
        unit: 'MiB',
        bar: null,
        ...lower,
      })
      report({ case: `${line.phase}: time`, value: line.seconds!, unit: 's', bar: null, ...lower })
    }
    if (child.exitCode === null) await once(child, 'exit')
    if (kills !== null)
      report({
        case: 'processes ended by the kernel',
        value: kills,
        unit: 'processes',
        better: 'lower',
        bar: 0,
      })
    if (failure !== null || child.exitCode !== 0)
      throw new Error(failure ?? `the run ended with ${child.exitCode}`)
  },
}
