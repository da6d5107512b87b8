import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../../node/compute/jobs/job.ts'
import { readCurve, trainingCurve } from '../../../node/compute/training/training-figures.ts'
import type { JsonObject } from '../../../node/json.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('training figures')
const { signal } = new AbortController()

const lineOf = (step: number, over: object = {}) =>
  JSON.stringify({
    step,
    steps: 100,
    loss: step,
    heldOutLoss: null,
    learningRate: 0.1,
    gradientNorm: 1,
    tokensPerSecond: 5,
    ...over,
  })

async function* linesOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}

test('every step is a point as long as there are few', async () => {
  const curve = await readCurve(
    linesOf([lineOf(0, { heldOutLoss: 3, gradientNorm: null }), lineOf(1), lineOf(2)]),
    16,
  )
  assert.equal(curve.step, [0, 1, 2])
  assert.equal(curve.loss, [0, 1, 2])
  assert.equal(curve.heldOutLoss, [3, null, null])
  assert.equal(curve.gradientNorm, [null, 1, 1])
  assert.is(curve.steps, 100)
  assert.is(curve.stepsByPoint, 1)
})

test('many steps become means of neighbours, and none is counted twice or lost', async () => {
  const lines = Array.from({ length: 10_007 }, (_, step) =>
    lineOf(step, step % 1000 === 0 ? { heldOutLoss: 2 } : {}),
  )
  const curve = await readCurve(linesOf(lines), 20)
  assert.ok(curve.step.length >= 20 && curve.step.length <= 41, `${curve.step.length}`)
  assert.is(curve.step.at(-1), 10_006)
  const { stepsByPoint } = curve
  const whole = Math.floor(10_007 / stepsByPoint)
  for (let point = 0; point < whole; point++)
    assert.is(curve.loss[point], point * stepsByPoint + (stepsByPoint - 1) / 2)
  assert.ok(curve.heldOutLoss.every((value) => value === null || value === 2))
  assert.ok(curve.heldOutLoss.some((value) => value === 2))
})

test('lines that are no figures are left out', async () => {
  const lines = [
    lineOf(1),
    '{"step":2,"loss"',
    '[]',
    'x'.repeat(10_000),
    '{"step":"3"}',
    lineOf(4, { loss: 'NaN' }),
  ]
  const curve = await readCurve(linesOf(lines), 16)
  assert.equal(curve.step, [1, 4])
  assert.equal(curve.loss, [1, null])
})

test('of a job that goes on from its working files, of a finished one from its artifact, else NOT_FOUND', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-curve-'))
  try {
    const jobs = new Map<string, Pick<JobSummary, 'kind' | 'result'>>([
      ['running', { kind: 'train', result: null }],
      ['fresh', { kind: 'train', result: null }],
      ['done', { kind: 'train', result: { metrics: 'cid' } as JsonObject }],
      ['other', { kind: 'compress', result: null }],
    ])
    const components = {
      jobs: { get: (id: string) => (jobs.get(id) ?? null) as JobSummary | null },
      artifacts: {
        async *stream(cid: string) {
          assert.is(cid, 'cid')
          yield Buffer.from(`${lineOf(7)}\n${lineOf(8).slice(0, 9)}`)
          yield Buffer.from(`${lineOf(8).slice(9)}\n`)
        },
      },
      directory,
    }
    const curve = (id: string) => trainingCurve(components, id, { points: 16, signal })
    const kept = path.join(directory, 'job-files', 'running')
    await mkdir(kept, { recursive: true })
    await writeFile(path.join(kept, 'metrics.jsonl'), `${lineOf(1)}\n${lineOf(2)}\n${lineOf(3).slice(0, 5)}`)
    assert.equal((await curve('running')).step, [1, 2])
    assert.equal((await curve('done')).step, [7, 8])
    await rejectsCode(curve('fresh'), 'NOT_FOUND')
    await rejectsCode(curve('other'), 'NOT_FOUND')
    await rejectsCode(curve('none'), 'JOB_UNKNOWN')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test.run()
