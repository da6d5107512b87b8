/** The list of finished evaluations; comparing two is tested over the API. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createEvaluations } from '../../../node/compute/evaluate/evaluations.ts'
import type { JobSummary } from '../../../node/compute/jobs/job.ts'
import type { JsonObject } from '../../../node/json.ts'

const test = suite('evaluations')

const score = (value: number): JsonObject => ({ value, low: value - 0.1, high: value + 0.1 })
const job = (id: string, kind: string, result: JsonObject | null) =>
  ({ id, kind, result, finishedAtMs: 5 }) as JobSummary

const JOBS = [
  job('vectors', 'evaluate', {
    ...{ suite: 'similarity', items: 248, reference: 'encoder' },
    models: [
      { model: 'encoder', cid: 'c1', scores: { groupAccuracy: 1 } },
      { model: 'small', cid: 'c2', scores: { groupAccuracy: 0.5, spearman: score(0.9), other: score(1) } },
    ],
  }),
  job('items', 'evaluate', {
    ...{ suite: 'likelihood', items: 40, reference: 'lm', itemList: 'list' },
    models: [
      { model: 'lm', cid: 'c3', metrics: [{ name: 'perplexity', title: 'Perplexity', ...score(12) }] },
    ],
  }),
  job('running', 'evaluate', null),
  job('compress', 'compress', { models: [{ model: 'lm' }] }),
  job('odd', 'evaluate', { models: ['lm', { model: 'lm', metrics: [{ name: 'x' }] }] }),
]

const evaluations = createEvaluations({
  jobs: { get: () => null, list: () => JOBS },
  artifacts: { read: async () => new Uint8Array() },
  pool: { run: () => Promise.reject(new Error('nothing is compared here')) },
})

test('figures of both sorts of suites come in one shape, with their intervals', () => {
  const all = evaluations.list()
  assert.equal(
    all.map(({ job: id, model, list }) => [id, model, list]),
    [
      ['vectors', 'encoder', 'suite similarity'],
      ['vectors', 'small', 'suite similarity'],
      ['items', 'lm', 'list'],
      ['odd', 'lm', 'suite undefined'],
    ],
  )
  assert.equal(all[1]!.figures, [
    { name: 'groupAccuracy', title: 'nearest is of the same meaning', value: 0.5, low: 0.5, high: 0.5 },
    { name: 'spearman', title: 'rank correlation', ...score(0.9) },
  ])
  assert.equal(all[2]!.figures, [{ name: 'perplexity', title: 'Perplexity', ...score(12) }])
  assert.equal(all[3]!.figures, [])
})

test('one model is found by its id or its CID', () => {
  assert.equal(
    evaluations.list('small').map(({ job: id }) => id),
    ['vectors'],
  )
  assert.equal(evaluations.list('c3').length, 1)
  assert.equal(evaluations.list('none'), [])
})

test.run()
