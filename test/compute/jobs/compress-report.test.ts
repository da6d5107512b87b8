/** What the report of a compressed model counts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCompressParams } from '../../../node/compute/jobs/compress-params.ts'
import { compressReport, smallReport } from '../../../node/compute/jobs/compress-report.ts'
import type { PackedCodebook, WrittenWeight } from '../../../node/compute/jobs/compress-slices.ts'
import type { Survey } from '../../../node/compute/jobs/compress-survey.ts'

function written(name: string, packedBytes: number, codebook: PackedCodebook | null): WrittenWeight {
  return {
    source: { name, cols: 100, codec: 'vptq', params: {}, codebook: null, slices: [] },
    stats: { weights: 1_000, packedBytes, squaredError: 1, squaredNorm: 100, maxAbsError: 0.5 },
    sliceBytes: [packedBytes],
    file: `weights/${name}.vslc`,
    codebook,
  }
}

const report = (weights: WrittenWeight[]) =>
  compressReport({
    params: parseCompressParams({ model: 'm', codec: 'vptq' }),
    model: { id: 'm', cid: 'bafy', parameters: 4_000, sizeBytes: 16_000 },
    weights,
    packed: { cid: 'packed', sizeBytes: 2_000 },
    runnable: { cid: 'runnable', sizeBytes: 3_000 },
    forms: [],
  })

test('bits by weight count a codebook once, however many weights share it', () => {
  const shared = { file: 'codebooks/0000.vqcb', sizeBytes: 500 }
  const other = { file: 'codebooks/0001.vqcb', sizeBytes: 80 }
  const { totals, tensors } = report([
    written('a', 250, shared),
    written('b', 250, shared),
    written('c', 250, other),
    written('d', 250, null),
  ]) as { totals: Record<string, number>; tensors: { bitsPerWeight: number }[] }
  assert.is(totals.codebookBytes, 580)
  assert.is(totals.bitsPerWeight, ((1_000 + 580) * 8) / 4_000)
  assert.is(totals.ratio, 8)
  assert.is(totals.relativeError, 0.1)
  assert.equal(
    tensors.map(({ bitsPerWeight }) => bitsPerWeight),
    [2, 2, 2, 2],
  )
})

test('the report says what was too small, and nothing where nobody counted', () => {
  const survey: Survey = {
    model: { id: 'm', cid: 'bafy', kind: 'onnx', parameters: 4_000 },
    originalBytes: 16_000,
    weights: [],
    minElements: 1_024,
    small: { weights: 3, elements: 900, storedBytes: 3_600 },
  }
  assert.equal(smallReport(survey), {
    limit: { minElements: 1_024, weights: 3, small: { weights: 3, elements: 900, storedBytes: 3_600 } },
  })
  assert.equal(smallReport({ ...survey, small: null }), {})
})

test.run()
