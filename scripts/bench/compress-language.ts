/** What is left of a trained language model: stories260K through every codec, with and without calibration. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { JsonObject } from '../../node/json.ts'
import type { BenchContext } from './bench.ts'
import { calibrationsOf, variants } from './codec-variants.ts'
import { type CompressReport, compress, startBenchNode } from './compress-daemon.ts'

const DATA = path.join(import.meta.dirname, '../../../shared/data/models')
/** Its matrices have 2,048 weights and more; jobs leave matrices that small alone unless they are told otherwise. */
const MIN_ELEMENTS = 1024

interface Scored extends CompressReport {
  readonly quality: {
    readonly kept: { readonly value: number }
    readonly scores: JsonObject
  }
}

/** Measures the suite without refusing anything. */
const MEASURED: JsonObject = {
  model: 'stories',
  keep: 0,
  suite: 'likelihood',
  force: true,
  minElements: MIN_ELEMENTS,
}

export async function languageTable(context: BenchContext, directory: string): Promise<void> {
  const { log, signal, codecs, report } = context
  const checkpoint = path.join(DATA, 'stories260K.bin')
  if (!existsSync(checkpoint)) {
    log('stories260K skipped: no data')
    return
  }
  const node = await startBenchNode(directory)
  try {
    const tokenizer = path.join(DATA, 'tok512.bin')
    await node.client.send('POST', '/api/v1/models', { path: checkpoint, tokenizer, id: 'stories' })
    for (const variant of variants(codecs))
      for (const calibrate of calibrationsOf(variant)) {
        signal.throwIfAborted()
        const name = `stories260K, ${variant.name}${calibrate === 'none' ? '' : ', calibrated'}`
        log(name)
        const params = { ...MEASURED, codec: variant.codec.name, params: variant.given, calibrate }
        const { report: built } = await compress(node, params, context)
        const { totals, quality } = built as Scored
        const row = (what: string, value: number, unit: string, better: 'lower' | 'higher') =>
          report({ case: `${name}: ${what}`, value, unit, better, bar: null })
        row('bits a weight', totals.bitsPerWeight, 'bits', 'lower')
        row('ratio', totals.ratio, 'times', 'higher')
        row('kept of the likelihood of texts', quality.kept.value, '', 'higher')
        await node.client.send('DELETE', `/api/v1/models/${built.id}`)
      }
  } finally {
    await node.stop()
  }
}
