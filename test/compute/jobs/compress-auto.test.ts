/** What `auto` makes of the figures of its probes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { codecByName } from '../../../node/compute/codecs/table.ts'
import { EMPTY_STATS } from '../../../node/compute/codecs/tensor-stats.ts'
import { candidatesFor, REFERENCE } from '../../../node/compute/compress-plan/candidates.ts'
import { readProbes } from '../../../node/compute/jobs/compress-auto.ts'
import type { Survey } from '../../../node/compute/jobs/compress-survey.ts'
import type { FinishedStage } from '../../../node/compute/jobs/job.ts'
import type { ProbeTask } from '../../../node/compute/tasks/probe-task.ts'

const SURVEY: Survey = {
  model: { id: 'm', cid: 'bafy', kind: 'onnx', parameters: 4096 },
  originalBytes: 16_384,
  minElements: 1_024,
  small: null,
  weights: [
    { name: 'w', rows: 64, cols: 64, storedBytes: 16_384, uses: [], stats: EMPTY_STATS, ternary: false },
  ],
}

function stage(referenceError: number, movement: number): FinishedStage {
  const task: ProbeTask = {
    model: 'bafy',
    tensor: 'w',
    rows: 64,
    cols: 64,
    candidates: candidatesFor({ ternary: false }),
    calibration: 'bafy2',
    sensitivity: true,
    reference: { codec: REFERENCE.codec, params: codecByName(REFERENCE.codec).parseParams(REFERENCE.params) },
    data: null,
  }
  const figures = ({ codec, params }: { codec: string; params: object }, error: number) => ({
    headerBytes: 60,
    groupBytes: 40,
    rowGroup: codecByName(codec).rowGroup({ ...params }),
    error,
  })
  const bytes = Buffer.from(
    JSON.stringify({
      probed: task.candidates.map((one, index) => figures(one, 0.1 / (index + 1))),
      reference: figures(task.reference, referenceError),
      movement,
    }),
  )
  const planned = { kind: 'probe', params: task, after: [], label: 'probe w' }
  const result = { task: planned, stats: {}, ahead: null, read: async () => bytes }
  return { name: 'probe', facts: {}, results: [result] }
}

const losses = async (referenceError: number, movement: number) =>
  (await readProbes({ tensors: {} }, SURVEY, stage(referenceError, movement)))[0]!.options.map(
    ({ loss }) => loss,
  )

test('an error counts by what the reference moved', async () => {
  const [first, second] = await losses(0.01, 0.002)
  assert.ok(Math.abs(first! - 0.02) < 1e-12 && Math.abs(second! - 0.01) < 1e-12, `${first} ${second}`)
})

test('a weight that the reference keeps whole is not free to lose', async () => {
  // Weights on a grid of 16 values: the reference moves nothing, two bits would.
  assert.equal(await losses(0, 0), await losses(1e-300, 1e6))
  assert.is((await losses(0, 0))[0], 0.1)
})

test.run()
