/** What is left of a real model: the embedded encoder through every codec, with and without calibration, and through auto. */
import type { JsonObject } from '../../node/json.ts'
import type { LocalNode } from '../localnet.ts'
import type { BenchContext } from './bench.ts'
import { calibrationsOf, variants } from './codec-variants.ts'
import { type CompressReport, compress, startBenchNode } from './compress-daemon.ts'

const AUTO_RATIO = 8
const AUTO_KEPT_BAR = 0.95

interface Scored extends CompressReport {
  readonly quality: {
    readonly kept: { readonly value: number }
    readonly scores: Readonly<Record<string, { readonly value: number }>>
  }
}

/** Measures the suite without refusing anything. */
const MEASURED: JsonObject = { model: 'encoder', keep: 0, suite: 'similarity', force: true }

function tell({ report }: BenchContext, name: string, built: Scored, bars: { kept: number | null }): void {
  const { kept, scores } = built.quality
  const higher = { unit: '', better: 'higher' } as const
  const { bitsPerWeight, ratio } = built.totals
  report({ case: `${name}: bits a weight`, value: bitsPerWeight, unit: 'bits', better: 'lower', bar: null })
  report({
    case: `${name}: ratio`,
    value: ratio,
    unit: 'times',
    better: 'higher',
    bar: bars.kept === null ? null : AUTO_RATIO,
  })
  report({ case: `${name}: kept of the suite`, value: kept.value, ...higher, bar: bars.kept })
  report({
    case: `${name}: neighbour agreement`,
    value: scores.neighbourAgreement!.value,
    ...higher,
    bar: null,
  })
  report({ case: `${name}: rank correlation`, value: scores.spearman!.value, ...higher, bar: null })
}

async function withEncoder(directory: string, work: (node: LocalNode) => Promise<void>): Promise<void> {
  const node = await startBenchNode(directory)
  try {
    await node.client.send('POST', '/api/v1/models', { embedded: 'encoder' })
    await work(node)
  } finally {
    await node.stop()
  }
}

export async function encoderTable(context: BenchContext, directory: string): Promise<void> {
  const { log, signal, codecs } = context
  await withEncoder(directory, async (node) => {
    for (const variant of variants(codecs))
      for (const calibrate of calibrationsOf(variant)) {
        signal.throwIfAborted()
        const name = `encoder, ${variant.name}${calibrate === 'none' ? '' : ', calibrated'}`
        log(name)
        const params = { ...MEASURED, codec: variant.codec.name, params: variant.given, calibrate }
        const { report: built } = await compress(node, params, context)
        tell(context, name, built as Scored, { kept: null })
        await node.client.send('DELETE', `/api/v1/models/${built.id}`)
      }
  })
}

export async function autoRatio(context: BenchContext, directory: string): Promise<void> {
  await withEncoder(directory, async (node) => {
    context.log(`auto at ratio ${AUTO_RATIO} on the encoder`)
    const params = { ...MEASURED, codec: 'auto', target: { ratio: AUTO_RATIO } }
    const { report: built, seconds } = await compress(node, params, context)
    tell(context, `encoder, auto at ratio ${AUTO_RATIO}`, built as Scored, { kept: AUTO_KEPT_BAR })
    context.report({
      case: `encoder, auto at ratio ${AUTO_RATIO}: seconds`,
      value: seconds,
      unit: 's',
      better: 'lower',
      bar: null,
    })
  })
}
