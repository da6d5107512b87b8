/**
 * A workload that takes no time and has a known best: genomes are points in a cube, items are targets that a coordinate should be near.
 * `watch` sees every scoring, so that a test can count them; `delayMs` makes scorers slow. The option `input` is the CID of an artifact that
 * scorers must have.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readParams } from '../../node/compute/tasks/read-params.ts'
import { VillageError } from '../../node/errors.ts'
import type { Genome } from '../../node/federated/evolve/strategy.ts'
import type { ItemSplit, Workload } from '../../node/federated/workloads/workload.ts'
import { canonicalJson, type JsonObject } from '../../node/json.ts'
import { realSpace } from './simulate-run.ts'

const DIMENSIONS = 4

const pointOf = (genome: Genome): readonly number[] => {
  const { x } = genome
  if (
    !Array.isArray(x) ||
    x.length !== DIMENSIONS ||
    Object.keys(genome).length !== 1 ||
    !x.every((value) => typeof value === 'number' && value >= 0 && value <= 1)
  )
    throw new VillageError('INVALID_ARGUMENT', 'This is no point of the cube')
  return x as readonly number[]
}

/** Where items pull: the same for all of a coordinate, a little different by item and split. */
const target = (item: number, split: ItemSplit): number =>
  [0.2, 0.4, 0.6, 0.3][item % DIMENSIONS]! + (split === 'final' ? 0.002 : -0.002) * (item % 3)

export function toyScores(genome: Genome, split: ItemSplit, items: number): Float32Array {
  const point = pointOf(genome)
  return Float32Array.from({ length: items }, (_, item) =>
    Math.max(0, 1 - Math.abs(point[item % DIMENSIONS]! - target(item, split))),
  )
}

export function toyWorkload(
  init: {
    watch?: (genome: Genome, split: ItemSplit) => void | Promise<void>
    delayMs?: number
    change?: (scores: Float32Array, genome: Genome) => Float32Array
  } = {},
): Workload {
  return {
    kind: 'toy',
    scoreBits: 8,
    tolerance: { share: 0.02, closeness: 1 },
    builds: true,
    parseOptions(given) {
      const reader = readParams(given)
      const items = reader.integer('items', 1, 4_096, 24)
      const input = reader.optionalText('input', 128)
      const options = input === null ? { items } : { items, input }
      reader.end()
      return options
    },
    settle: async (options) => options,
    space: () =>
      realSpace(DIMENSIONS, {
        seeds: [
          [0.8, 0.8, 0.8, 0.8],
          [0.1, 0.9, 0.1, 0.9],
        ],
      }),
    items: (options: JsonObject) => Number(options.items),
    inputs: ({ input }) => (typeof input === 'string' ? [input] : []),
    objectives: () => [],
    checkGenome: (_options, genome) => void pointOf(genome),
    async score(options, genome, split, _context, signal) {
      await init.watch?.(genome, split)
      if (init.delayMs !== undefined) await sleep(init.delayMs, undefined, { signal })
      const scores = toyScores(genome, split, Number(options.items))
      return { itemScores: init.change?.(scores, genome) ?? scores, joules: 0.5, busyMs: 1 }
    },
    async build(_options, genome, context, { id, pin }) {
      const file = path.join(context.workDirectory, `${id}.json`)
      await writeFile(file, canonicalJson(genome))
      const { cid } = await context.artifacts.addPath(file, { name: id, pin })
      return { cid, register: async () => id }
    },
  }
}
