/** Calibrating graphs that the builder makes: texts become their inputs, and every compressible weight has an activation. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { listActivations } from '../../../node/compute/calibration/activations.ts'
import { captureMoments } from '../../../node/compute/calibration/capture.ts'
import { openCalibrationData } from '../../../node/compute/calibration/data.ts'
import { openTextFeeds } from '../../../node/compute/calibration/text-feeds.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { listWeights } from '../../../node/compute/onnx/weights.ts'
import { writeHubModel } from '../../helpers/hub-layout.ts'
import { writeTinyLanguageModel, writeTinyModel } from '../../helpers/language-models.ts'
import { TINY_FAMILIES, type TinyFamily } from '../../helpers/tiny-families.ts'

const kernels = loadKernels()
const signal = new AbortController().signal
const INIT = { minElements: 64, feedbackBudgetBytes: 2 ** 20 }

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-calibrate-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

async function checkCalibration(modelDirectory: string): Promise<void> {
  using model = openModel(join(modelDirectory, 'model.onnx'))
  const activations = listActivations(model, INIT)
  const calibrated = new Set(activations.flatMap(({ weights }) => weights))
  for (const { name, uses } of listWeights(model, INIT))
    assert.is(
      calibrated.has(name),
      uses.some((use) => use !== 'Gather'),
      name,
    )
  assert.ok(openCalibrationData(modelDirectory, null).items > 8)
  const moments = await captureMoments(
    { kernels },
    {
      ...INIT,
      modelDirectory,
      workDirectory: join(directory, 'work'),
      dataPath: null,
      start: 0,
      count: 8,
      firstActivation: 0,
      activations: activations.length,
      sumsBytes: 2 ** 24,
    },
    signal,
    () => {},
  )
  const samples = new Set(moments.map((one) => one.samples))
  assert.is(samples.size, 1, 'every weight saw every token')
  assert.ok([...samples][0]! > 100)
  for (const { sums } of moments) assert.ok(sums.some((sum) => sum > 0))
}

for (const family of Object.keys(TINY_FAMILIES) as TinyFamily[])
  test(`${family}: its own sentences give finite moments for every weight that has an input`, async () => {
    writeTinyModel(directory, family)
    await checkCalibration(directory)
  })

test('a graph from a hub is calibrated with empty caches, one row at a time', async () => {
  const { card } = writeTinyLanguageModel(join(directory, 'village'), 'llama', { adapters: false })
  const hub = join(directory, 'hub')
  writeHubModel(join(directory, 'village'), hub, card)
  assert.is(openTextFeeds(hub).maxRows, 1)
  await checkCalibration(hub)
})

test('logits of a large vocabulary are taken of some tokens only, evenly apart', () => {
  writeTinyModel(directory, 'llama', {
    config: { vocab_size: 120_000, hidden_size: 16, num_attention_heads: 1 },
  })
  const { encode, feeds } = openTextFeeds(directory)
  const tokens = encode('the cat and the cat', 512)
  assert.is(tokens[0], 1, 'the text begins as the model is used to')
  const rows = Array.from({ length: 100 }, () => tokens)
  const { data, dims } = feeds(rows).logit_rows!
  const selected = Array.from(data as BigInt64Array, Number)
  assert.equal(dims, [139])
  assert.is(new Set(selected).size, 139)
  assert.ok(selected.every((row) => row >= 0 && row < 100 * tokens.length))
})

test.run()
