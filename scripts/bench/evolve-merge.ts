/** How fast each method merges, against copying the same bytes; that they are right, the tests say (test/federated/merge). */

import type { MergeMethod, Parameters } from '../../node/federated/merge/methods/method.ts'
import { MERGE_METHODS } from '../../node/federated/merge/methods/table.ts'
import { mergeInput, relatedTensors } from '../../test/helpers/merge-inputs.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'

const ROWS = 512
const COLS = 2_048
const MODELS = 3
const LEAST_MS = 400
const NAME = 'model.layers.0.mlp.down_proj.weight'
/** Those of a method that it knows count. */
const SETTINGS: Parameters = { weight: 0.4, density: 0.6, epsilon: 0.1, gamma: 0.05, scale: 1 }
const GLOBALS: Parameters = { t: 0.4, select_topk: 0.5 }

const known = (specs: MergeMethod['global'], values: Parameters): Parameters =>
  Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(specs, key)))

/** The fastest of several, for others use this machine, too. */
function fastestMs(work: () => unknown): number {
  work()
  const giveUpAtMs = performance.now() + LEAST_MS
  let fastest = Number.POSITIVE_INFINITY
  do {
    const start = performance.now()
    work()
    fastest = Math.min(fastest, performance.now() - start)
  } while (performance.now() < giveUpAtMs)
  return fastest
}

async function measureMethods({ report, signal }: BenchContext): Promise<void> {
  const elements = ROWS * COLS
  const { base, tensors } = relatedTensors({ models: MODELS, elements, seed: 1 })
  const target = new Float32Array(elements)
  for (const method of Object.values(MERGE_METHODS)) {
    signal.throwIfAborted()
    const used = tensors.slice(0, method.models.max)
    const input = mergeInput(method, {
      name: NAME,
      dims: [ROWS, COLS],
      tensors: used,
      base: method.base === 'none' ? null : base,
      parameters: used.map(() => known(method.byModel, SETTINGS)),
      globals: known(method.global, GLOBALS),
      seed: 1,
    })
    const mergeMs = fastestMs(() => method.merge(input))
    const read = method.base === 'none' ? used : [base, ...used]
    // Beside the method each time: what the machine gives changes.
    const copyMs = fastestMs(() => {
      for (const tensor of read) target.set(tensor)
    })
    const name = `merge ${method.name}, ${used.length} ${used.length === 1 ? 'model' : 'models'}`
    const speed = { unit: 'M weights/s', better: 'higher', bar: null } as const
    report({ case: `${name}: speed`, value: elements / mergeMs / 1_000, ...speed })
    const ratio = { unit: 'times', better: 'lower', bar: null } as const
    report({ case: `${name}: time against copying its inputs`, value: mergeMs / copyMs, ...ratio })
  }
}

export const merge: BenchCase = {
  name: 'merge',
  title: `every merge method on a tensor of ${ROWS} × ${COLS}, one thread`,
  run: measureMethods,
}
