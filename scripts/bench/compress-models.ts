/** Whole models through a real daemon: the medium one against the clock, the large one against memory. */
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { JsonObject } from '../../node/json.ts'
import type { BenchContext } from './bench.ts'
import {
  addModel,
  type CompressReport,
  compress,
  forgetPeak,
  peakMemoryMb,
  startBenchNode,
} from './compress-daemon.ts'
import { GPT2_SMALL, TINY_LLAMA, type TransformerShape, writeTransformer } from './transformer-model.ts'

const MEDIUM_BAR_SECONDS = 60
const PEAK_BAR_MB = 1500
const MEDIUM_CODECS = ['seedlm', 'trellis', 'int4']
/** One with a grid of its own and one that is requantised to run; `--codec` measures any other. */
const LARGE_CODECS = ['int4', 'trellis']

function writeModelDirectory(directory: string, shape: TransformerShape): string {
  const model = path.join(directory, 'model')
  mkdirSync(model, { recursive: true })
  writeTransformer(path.join(model, 'model.onnx'), shape)
  return model
}

/** Returns the directory of the model. */
export const writeMedium = (directory: string) => writeModelDirectory(directory, GPT2_SMALL)

function tell({ report }: BenchContext, name: string, built: CompressReport): void {
  const { bitsPerWeight, relativeError, ratio } = built.totals
  const watched = { better: 'lower', bar: null } as const
  report({ case: `${name}: bits a weight`, value: bitsPerWeight, unit: 'bits', ...watched })
  report({ case: `${name}: relative error`, value: relativeError, unit: '', ...watched })
  report({ case: `${name}: ratio`, value: ratio, unit: 'times', better: 'higher', bar: null })
}

/** No gate and no calibration: the weights are made up, and so would be what they keep. */
const PLAIN: JsonObject = { calibrate: 'none', keep: 0 }

/** 124 million parameters, from submission to the published model. */
export async function mediumModel(context: BenchContext, directory: string): Promise<void> {
  const { report, log, signal } = context
  const source = writeMedium(directory)
  const node = await startBenchNode(directory)
  try {
    await addModel(node, source, 'medium')
    rmSync(source, { recursive: true })
    for (const codec of context.codecs ?? MEDIUM_CODECS) {
      signal.throwIfAborted()
      log(`124 million parameters through ${codec}`)
      forgetPeak(node)
      const { report: built, seconds } = await compress(node, { model: 'medium', codec, ...PLAIN }, context)
      const name = `medium model, ${codec}`
      report({
        case: `${name}: seconds`,
        value: seconds,
        unit: 's',
        better: 'lower',
        bar: MEDIUM_BAR_SECONDS,
      })
      report({
        case: `${name}: peak memory`,
        value: peakMemoryMb(node),
        unit: 'MB',
        better: 'lower',
        bar: null,
      })
      tell(context, name, built)
    }
  } finally {
    await node.stop()
  }
}

/** 1.1 billion parameters in half precision with external data: what matters is the peak. */
export async function largeModel(context: BenchContext, directory: string): Promise<void> {
  const { report, log, signal } = context
  log('writing 1.1 billion parameters')
  const source = writeModelDirectory(directory, TINY_LLAMA)
  const node = await startBenchNode(directory)
  try {
    await addModel(node, source, 'large')
    rmSync(source, { recursive: true })
    report({
      case: 'large model, adding: peak memory',
      value: peakMemoryMb(node),
      unit: 'MB',
      better: 'lower',
      bar: PEAK_BAR_MB,
    })
    for (const codec of context.codecs ?? LARGE_CODECS) {
      signal.throwIfAborted()
      log(`1.1 billion parameters through ${codec}`)
      forgetPeak(node)
      const params = { model: 'large', codec, force: true, ...PLAIN }
      const { report: built, seconds } = await compress(node, params, context)
      const name = `large model, ${codec}`
      report({
        case: `${name}: peak memory`,
        value: peakMemoryMb(node),
        unit: 'MB',
        better: 'lower',
        bar: PEAK_BAR_MB,
      })
      report({ case: `${name}: seconds`, value: seconds, unit: 's', better: 'lower', bar: null })
      tell(context, name, built)
      await node.client.send('DELETE', `/api/v1/models/${built.id}`)
    }
  } finally {
    await node.stop()
  }
}
