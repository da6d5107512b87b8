/** What an observer of a training leaves behind: lines that survive a restart, and a finding on the board. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openObservations } from '../../../node/compute/training/observer.ts'
import { runTraining } from '../../../node/compute/training/run-training.ts'
import { openBoard } from '../../../node/compute/training/training-board.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { createToyTrainer } from '../../helpers/toy-trainer.ts'

const test = suite('observers of a training')
const directory = mkdtempSync(path.join(tmpdir(), 'village-observer-'))
const file = path.join(directory, 'geometry.jsonl')
test.after(() => rmSync(directory, { recursive: true, force: true }))

test('lines are kept as far as the checkpoint knows them; the rest is made again', () => {
  const first = openObservations(file, 0)
  first.append({ step: 0 })
  const kept = first.sizeBytes()
  first.append({ step: 5 })
  first.close()

  const again = openObservations(file, kept)
  assert.equal(again.lines, [{ step: 0 }])
  again.append({ step: 4 })
  assert.equal(again.lines, [{ step: 0 }, { step: 4 }])
  again.close()
  assert.is(readFileSync(file, 'utf8'), '{"step":0}\n{"step":4}\n')
  throwsCode(() => openObservations(file, 10_000), 'DATA_CORRUPT')

  const anew = openObservations(file, 0)
  assert.equal(anew.lines, [])
  anew.close()
  assert.is(readFileSync(file, 'utf8'), '')
})

test('a finding is seen on the other side of the board, beside the figures', () => {
  const board = openBoard()
  const other = openBoard(board.memory)
  assert.is(other.finding(), null)
  board.showFinding({ step: 40, dimensionBefore: 9.5, dimension: 4.25 })
  assert.equal(other.finding(), { step: 40, dimensionBefore: 9.5, dimension: 4.25 })
})

test('it looks on before the first step and at each look at what is held out, with the mean loss since', async () => {
  const seen: { step: number; loss: number; heldOutLoss: number }[] = []
  const losses: number[] = []
  const batch = { tokens: Int32Array.of(0, 1, 2), labels: Int32Array.of(1, 2, 0) }
  const config = {
    batch: 1,
    accumulation: 1,
    steps: 5,
    schedule: { name: 'constant', learningRate: 0.5, warmupSteps: 0, finalShare: 0, decayShare: 0 },
    clipNorm: null,
    evaluateEverySteps: 2,
    patience: null,
    minGain: 0,
    checkpointMs: 1e9,
  } as const
  await runTraining(
    {
      trainer: createToyTrainer({ vocabulary: 3 }),
      data: { rows: 1, batch: () => batch, heldOutBatches: 1, heldOut: () => batch },
      checkpoints: { save: async () => {}, saveBest: async () => {} },
      nowMs: () => 0,
      observe: async (at) => void seen.push(at),
    },
    config,
    new AbortController().signal,
    ({ step, loss }) => void (step > 0 && losses.push(loss)),
  )
  assert.equal(
    seen.map(({ step }) => step),
    [0, 2, 4, 5],
  )
  assert.is(seen[0]!.loss, seen[0]!.heldOutLoss)
  assert.is(seen[1]!.loss, (losses[0]! + losses[1]!) / 2)
  assert.is(seen[3]!.loss, losses[4])
})

test.run()
