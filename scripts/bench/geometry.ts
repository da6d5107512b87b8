/** The geometry of clouds of known dimension, what it costs, and a training that groks. */
import { loadKernels } from '../../node/compute/kernels.ts'
import { normalOfWord } from '../../node/compute/training/normal.ts'
import { counterRandom } from '../../node/compute/training/philox.ts'
import { alignedSet, alignment } from '../../node/federated/geometry/cka.ts'
import type { Points } from '../../node/federated/geometry/nearest-neighbours.ts'
import { fitWithGoodness } from '../../node/federated/geometry/power-law.ts'
import { spectrumOf } from '../../node/federated/geometry/spectrum.ts'
import { intrinsicDimension } from '../../node/federated/geometry/two-nn.ts'
import type { Bench, BenchContext } from './bench.ts'
import { trainAddition } from './grokking.ts'

const POINTS = 5_000
const CLOUDS = 5
/** True dimension, and how far off the estimate of any cloud may be, in percent. */
const DIMENSIONS: readonly (readonly [dims: number, bar: number | null])[] = [
  [1, 10],
  [2, 10],
  [5, 10],
  [10, 20],
  [20, null],
]

const SHAPES = {
  cube: (dims: number, word: () => number) => Array.from({ length: dims }, () => (word() + 0.5) / 2 ** 32),
  normal: (dims: number, word: () => number) => Array.from({ length: dims }, () => normalOfWord(word())),
}

function cloud(shape: keyof typeof SHAPES, dims: number, seed: number): Points {
  const random = counterRandom(seed, dims)
  let at = 0
  const rows = Array.from({ length: POINTS }, () => SHAPES[shape](dims, () => random.word(at++)))
  return { values: Float32Array.from(rows.flat()), count: POINTS, dims }
}

export function measureDimensions({ report, log }: Pick<BenchContext, 'report' | 'log'>): void {
  for (const shape of ['cube', 'normal'] as const)
    for (const [dims, bar] of DIMENSIONS) {
      const found = Array.from(
        { length: CLOUDS },
        (_, seed) => intrinsicDimension(cloud(shape, dims, seed), 1, { scales: false })!,
      )
      const worst = (value: (one: (typeof found)[0]) => number) =>
        100 * Math.max(...found.map((one) => Math.abs(value(one) / dims - 1)))
      const name = `two-NN, ${shape} of dimension ${dims}, worst of ${CLOUDS}`
      const row = { unit: '% off', better: 'lower', bar } as const
      report({ case: name, value: worst(({ dimension }) => dimension!), ...row })
      report({ case: `${name}, uncorrected`, value: worst((one) => one.maximumLikelihood), ...row })
      log(`${name}: ${found.map(({ dimension }) => dimension!.toFixed(2)).join(' ')}`)
    }
}

const NO_PAUSE = async () => {}

async function measureCosts({ report }: BenchContext): Promise<void> {
  const random = counterRandom(3, 0)
  const side = 512
  const values = Float32Array.from({ length: side * side }, (_, at) => normalOfWord(random.word(at)))
  const matrix = {
    rows: side,
    cols: side,
    read: (start: number, rows: number) => values.slice(start * side, (start + rows) * side),
  }
  const timed = async (name: string, work: () => unknown) => {
    const fromMs = performance.now()
    await work()
    report({ case: name, value: performance.now() - fromMs, unit: 'ms', better: 'lower', bar: null })
  }
  const kernels = loadKernels()
  const spectrum = await spectrumOf(matrix, kernels, NO_PAUSE)
  await timed(`singular values of ${side}×${side}`, () => spectrumOf(matrix, kernels, NO_PAUSE))
  await timed(`goodness of fit of ${side} values, 100 sets`, () =>
    fitWithGoodness(spectrum.squares, { sets: 100, seed: 0 }, NO_PAUSE),
  )
  const points = { values, count: side, dims: side }
  await timed(`two-NN of ${side} points in ${side} dimensions, all scales`, () =>
    intrinsicDimension(points, 0),
  )
  await timed(`kernel matrix of ${side} points in ${side} dimensions`, () => alignedSet(points, kernels))
  const set = alignedSet(points, kernels)
  await timed(`CKA of two kernel matrices of ${side} points`, () => alignment(set, set))
}

const STEPS = 2_000
const EVERY_STEPS = 50

async function measureGrokking({ report, log, signal }: BenchContext): Promise<void> {
  const fromMs = performance.now()
  const { lines, signs } = await trainAddition({ steps: STEPS, everySteps: EVERY_STEPS }, signal, (line) => {
    if (Number(line.step) % 500 === 0)
      log(`step ${line.step}: loss ${line.loss}, held out ${line.heldOutLoss}, dimension ${line.dimension}`)
  })
  const heldOut = lines.map(({ heldOutLoss }) => Number(heldOutLoss))
  const before = lines.findIndex(({ step }) => step === signs[0]?.step)
  const row = { better: 'lower', bar: null } as const
  report({ case: 'grokking: signs', value: signs.length, unit: 'signs', better: 'higher', bar: 1 })
  report({ case: 'grokking: step of the sign', value: signs[0]?.step ?? Number.NaN, unit: 'steps', ...row })
  report({
    case: 'grokking: held-out loss at the sign',
    value: heldOut[before] ?? Number.NaN,
    unit: 'nats',
    ...row,
  })
  report({
    case: 'grokking: lowest held-out loss after it',
    value: Math.min(...heldOut),
    unit: 'nats',
    ...row,
  })
  report({ case: 'grokking: whole training', value: (performance.now() - fromMs) / 1000, unit: 's', ...row })
}

const PARTS: Readonly<Record<string, (context: BenchContext) => void | Promise<void>>> = {
  dimensions: measureDimensions,
  costs: measureCosts,
  grokking: measureGrokking,
}

export const geometryBench: Bench = {
  name: 'geometry',
  title: 'Intrinsic dimension, spectra and the sign of grokking',
  async run(context) {
    for (const [name, part] of Object.entries(PARTS))
      if (context.only.length === 0 || context.only.includes(name)) await part(context)
  },
}
