/** The codecs by themselves, on Gaussian weights: search speed, error, decode speed. */
import type { EncodeAids, WeightMatrix } from '../../node/compute/codecs/codec.ts'
import {
  bitsPerWeight,
  measure,
  normalisedError,
  relativeError,
} from '../../node/compute/codecs/encode-stats.ts'
import { statsOf } from '../../node/compute/codecs/tensor-stats.ts'
import { joinSlices } from '../../node/compute/codecs/wire.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { loadKernels } from '../../node/compute/kernels.ts'
import { createPool } from '../../node/compute/pool.ts'
import { createLog } from '../../node/log.ts'
import type { BenchContext } from './bench.ts'
import { codebookFor } from './codebook.ts'
import type { CODEC_BENCH_OPERATIONS } from './codec-thread.ts'
import { type Variant, variants } from './codec-variants.ts'

const THREADS = 2
const ERROR_ROWS = 256
const COLS = 1024
const SEARCH_ROWS = 1024
/** The index of the search is made on first use: that is no part of the speed. */
const WARM_UP_ROWS = 64
/** Of a slice that is joined to a larger one: a multiple of every codec's row group. */
const DECODE_ROWS = 96
const DECODE_COPIES = 6
/** Codebooks are trained on other weights than those that are measured: they are shared by many tensors. */
const TRAINING_ROWS = 512
const DECODE_MS = 1500
const SEARCH_BAR = 6
/** An exhaustive search that rounds each coefficient alone reaches 0.1234; 1% above it is allowed. */
const SEARCH_ERROR_BAR = 0.1246
const DECODE_BAR = 500
const TRELLIS_BARS: Readonly<Record<string, { error: number; bits: number }>> = {
  'trellis 4-bit': { error: 0.0083, bits: 4.125 },
  'trellis 3-bit': { error: 0.03, bits: 3.125 },
  'trellis 2-bit': { error: 0.094, bits: 2.125 },
}

export function gaussian(rows: number, cols: number, seed: number): WeightMatrix {
  const random = seededRandom(seed)
  const data = new Float32Array(rows * cols)
  for (let i = 0; i < data.length; i += 2) {
    const radius = 0.02 * Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    data[i] = radius * Math.cos(angle)
    data[i + 1] = radius * Math.sin(angle)
  }
  return { rows, cols, data }
}

async function aidsFor(
  variant: Variant,
  matrix: WeightMatrix,
  signal: AbortSignal,
): Promise<{ params: Variant['params']; aids: EncodeAids }> {
  const made = await codebookFor(variant, gaussian(TRAINING_ROWS, COLS, 99), signal)
  const params = variant.codec.fit(made.params, statsOf(matrix))
  return { params, aids: made.codebook === undefined ? {} : { codebook: made.codebook } }
}

/** Normalised error and bits of every codec, without calibration. */
export async function gaussianErrors({ report, log, signal, codecs }: BenchContext): Promise<void> {
  const kernels = loadKernels()
  const matrix = gaussian(ERROR_ROWS, COLS, 1)
  for (const variant of variants(codecs)) {
    signal.throwIfAborted()
    log(`${variant.name} on ${ERROR_ROWS} × ${COLS} Gaussian weights`)
    const { params, aids } = await aidsFor(variant, matrix, signal)
    const packed = variant.codec.encode(matrix, params, kernels, aids)
    const decoded = variant.codec.decode(packed, kernels, aids.codebook)
    const stats = measure(matrix, decoded, packed.length)
    const bars = TRELLIS_BARS[variant.name]
    const error = normalisedError(stats)
    report({
      case: `${variant.name}: normalised error`,
      value: error,
      unit: '',
      better: 'lower',
      bar: bars?.error ?? null,
    })
    // Without the codebook: it is shared by many more weights than these.
    const bits = bitsPerWeight(stats)
    report({
      case: `${variant.name}: bits a weight`,
      value: Math.round(bits * 1000) / 1000,
      unit: 'bits',
      better: 'lower',
      bar: bars === undefined ? null : bars.bits,
    })
    report({
      case: `${variant.name}: error over the limit 2^(-2R)`,
      value: error / 2 ** (-2 * bits),
      unit: 'times',
      better: 'lower',
      bar: null,
    })
  }
}

const threadsOf = () =>
  createPool<typeof CODEC_BENCH_OPERATIONS>(
    { log: createLog({ level: 'silent' }) },
    { threads: THREADS, niceness: 0, workerUrl: new URL('./codec-thread.ts', import.meta.url) },
  )

/** The search of SeedLM on two threads, and how near it comes to the exact one. */
export async function seedlmSearch({ report, signal }: BenchContext): Promise<void> {
  const pool = threadsOf()
  await pool.start(signal)
  try {
    const halves = [1, 2].map((seed) => gaussian(SEARCH_ROWS, COLS, seed))
    const encode = async (matrix: WeightMatrix) =>
      await pool.run('encode', { codec: 'seedlm', params: { bits: 4 }, matrix }, { signal })
    await Promise.all(
      halves.map((matrix) =>
        encode({ rows: WARM_UP_ROWS, cols: COLS, data: matrix.data.slice(0, WARM_UP_ROWS * COLS) }),
      ),
    )
    const started = performance.now()
    const encoded = await Promise.all(halves.map(encode))
    const seconds = (performance.now() - started) / 1000
    const kernels = loadKernels()
    const codec = variants(['seedlm']).find(({ name }) => name === 'seedlm 4-bit')!.codec
    const errors = encoded.map(({ packed }, index) =>
      relativeError(measure(halves[index]!, codec.decode(packed, kernels), packed.length)),
    )
    report({
      case: 'seedlm 4-bit: search on two threads',
      value: (halves.length * SEARCH_ROWS * COLS) / seconds / 1e6,
      unit: 'M/s',
      better: 'higher',
      bar: SEARCH_BAR,
    })
    report({
      case: 'seedlm 4-bit: relative error',
      value: Math.max(...errors),
      unit: '',
      better: 'lower',
      bar: SEARCH_ERROR_BAR,
    })
  } finally {
    await pool.stop()
  }
}

/** Weights that two threads decode in a second, with the checks of the packed bytes. */
export async function decodeSpeed({ report, log, signal, codecs }: BenchContext): Promise<void> {
  const pool = threadsOf()
  await pool.start(signal)
  try {
    const small = gaussian(DECODE_ROWS, COLS, 3)
    for (const variant of variants(codecs)) {
      signal.throwIfAborted()
      log(`decoding ${variant.name}`)
      const { params, aids } = await aidsFor(variant, small, signal)
      const input = { codec: variant.codec.name, params, matrix: small, ...aids }
      const { packed } = await pool.run('encode', input, { signal })
      const runs = await Promise.all(
        Array.from({ length: THREADS }, () =>
          pool.run(
            'decode',
            {
              packed: joinSlices(Array.from({ length: DECODE_COPIES }, () => packed)),
              ...aids,
              forMs: DECODE_MS,
            },
            { signal },
          ),
        ),
      )
      report({
        case: `${variant.name}: decoding on two threads`,
        value: runs.reduce((sum, { weights, ms }) => sum + weights / ms / 1000, 0),
        unit: 'M/s',
        better: 'higher',
        bar: DECODE_BAR,
      })
    }
  } finally {
    await pool.stop()
  }
}
