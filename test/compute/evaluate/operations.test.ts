/** The operations of evaluations on a real, tiny language model, one after the other as a job asks for them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { difference } from '../../../node/compute/evaluate/compare-records.ts'
import { decodeRecords, encodeRecords } from '../../../node/compute/evaluate/item-records.ts'
import { EVALUATE_OPERATIONS as operations } from '../../../node/compute/evaluate/operations.ts'
import { customSuite } from '../../helpers/evaluations.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('operations of evaluations')
const root = mkdtempSync(path.join(tmpdir(), 'village-evaluate-operations-'))
const signal = new AbortController().signal
const itemsPath = path.join(root, 'items.jsonl')
const COUNT = 18

const models = [1, 2].map((seed) => {
  const directory = path.join(root, `${seed}`)
  writeTinyLanguageModel(directory, 'llama', { seed })
  return directory
})
test.after(() => rmSync(root, { recursive: true, force: true }))

const data = path.join(root, 'data.jsonl')
writeFileSync(data, customSuite(COUNT))
const prepared = await operations['evaluate.prepare']({ suite: 'custom', files: { data }, options: {} })
writeFileSync(itemsPath, prepared.items)

const answer = async (modelDir: string, start: number, count: number) =>
  (await operations['evaluate.answer']({ modelDir, itemsPath, start, count }, signal)).bytes
const report = (parts: readonly Uint8Array[]) =>
  operations['evaluate.report']({ suite: 'custom', answers: prepared.answers, parts, seed: 1 })

test('the same range gives the same bytes, whatever was asked before', async () => {
  const [modelDir] = models
  const first = await answer(modelDir!, 0, 9)
  await answer(modelDir!, 9, 9)
  await answer(models[1]!, 0, 4)
  assert.equal(await answer(modelDir!, 0, 9), first)
})

test('items one by one agree with all at once, and both with a check', async () => {
  const [modelDir] = models
  const all = decodeRecords(await answer(modelDir!, 0, COUNT)).records
  for (const [index, record] of all.entries()) {
    const [alone] = decodeRecords(await answer(modelDir!, index, 1)).records
    assert.is(difference(record, alone!), null, `item ${index}`)
  }
  const claimed = encodeRecords({ start: 0, records: all })
  assert.is(await operations['evaluate.check']({ modelDir: modelDir!, itemsPath, claimed }, signal), null)
  assert.is(await operations['evaluate.shapes']({ modelDir: modelDir!, itemsPath, claimed }), null)
})

test('the answers of another model are no answers of this one', async () => {
  const others = decodeRecords(await answer(models[1]!, 0, COUNT)).records
  for (const [index, record] of others.entries()) {
    const claimed = encodeRecords({ start: index, records: [record] })
    const found = await operations['evaluate.check']({ modelDir: models[0]!, itemsPath, claimed }, signal)
    assert.is(found?.item, index, `item ${index} of type ${record.type}`)
  }
})

test('parts are scored together, in whatever order they come', async () => {
  const [modelDir] = models
  const parts = [await answer(modelDir!, 6, 12), await answer(modelDir!, 0, 6)]
  const scored = await report(parts)
  const again = await report([...parts].reverse())
  assert.equal(scored.records, again.records)
  assert.equal(scored.scores, again.scores)
  const names = scored.metrics.map(({ name }) => name)
  assert.equal(names.slice(0, 3), ['accuracy', 'accuracy_norm', 'word_perplexity'])
  await rejectsCode(report(parts.slice(1)), 'EVALUATION_RESULT_MALFORMED')
  const [comparison] = await operations['evaluate.compare']({
    first: scored.scores,
    second: again.scores,
    seed: 1,
  })
  assert.is(comparison!.verdict, 'none')
  await rejectsCode(
    operations['evaluate.compare']({ first: scored.scores, second: prepared.answers, seed: 1 }),
    'DATA_CORRUPT',
  )
})

test('a model keeps all of itself, and less of another', async () => {
  const list = await operations['evaluate.prepare']({ suite: 'likelihood', files: {}, options: {} })
  const ownItems = path.join(root, 'likelihood.jsonl')
  writeFileSync(ownItems, list.items)
  const scores = await Promise.all(
    models.map(async (modelDir) => {
      const input = { modelDir, itemsPath: ownItems, start: 0, count: list.count }
      const { bytes } = await operations['evaluate.answer'](input, signal)
      const made = { suite: 'likelihood', answers: list.answers, parts: [bytes], seed: 1 }
      return (await operations['evaluate.report'](made)).scores
    }),
  )
  const kept = (changed: Uint8Array) =>
    operations['evaluate.kept']({ original: scores[0]!, changed, isOwn: false, seed: 1 })
  assert.equal(await kept(scores[0]!), { value: 1, low: 1, high: 1 })
  const other = await kept(scores[1]!)
  assert.ok(
    other.value < 0.99 && other.low <= other.value && other.value <= other.high,
    JSON.stringify(other),
  )
})

test.run()
