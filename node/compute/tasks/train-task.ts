/**
 * Task kind `train`: a whole training, on the node that owns the job and nowhere else, for its data are private. It goes on
 * from its checkpoint whenever it is started again, and gives itself back where the node may not work now.
 */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { readTrainRun } from '../training/read-run.ts'
import type { TrainRun } from '../training/train-run.ts'
import { openBoard, type TrainingBoard } from '../training/training-board.ts'
import { invalid, readParams } from './read-params.ts'
import type { LocalContext, TaskContext, TaskKind } from './task.ts'

export interface TrainTask extends JsonObject {
  /** Its files are kept by the job. */
  readonly job: string
  /** CID of the model directory. */
  readonly model: string
  readonly memoryBytes: number
  readonly run: TrainRun
}

const JOB_ID = /^[a-z2-9]{1,32}$/

function localOf({ local }: TaskContext): LocalContext {
  if (local === undefined)
    throw new VillageError('TASK_KIND_UNKNOWN', 'A training runs only where its data are')
  return local
}

/** Tells what the board shows, each state once. */
function createTeller(job: string, board: TrainingBoard, { events }: LocalContext): () => void {
  let told = -1
  let toldHeldOut = -1
  let toldFinding = -1
  return () => {
    const finding = board.finding()
    if (finding !== null && finding.step !== toldFinding) {
      toldFinding = finding.step
      events.emit('training:grokking', { job, ...finding })
    }
    const latest = board.latest()
    if (latest === null || (latest.step === told && latest.heldOutStep === toldHeldOut)) return
    const { heldOutStep, heldOutLoss, ...figures } = latest
    const isNew = heldOutStep !== null && heldOutStep > toldHeldOut
    told = latest.step
    if (isNew) toldHeldOut = heldOutStep
    events.emit('training:metrics', { job, ...figures, heldOutLoss: isNew ? heldOutLoss : null })
  }
}

export const trainTask: TaskKind = {
  kind: 'train',
  check: 'verify',
  ownerOnly: true,
  parseParams(input) {
    const reader = readParams(input)
    const job = reader.text('job', 32)
    if (!JOB_ID.test(job)) throw invalid('job', 'the id of a job')
    const model = reader.text('model', 128)
    const memoryBytes = reader.integer('memoryBytes', 0, Number.MAX_SAFE_INTEGER)
    const nested = readParams(reader.object('run'))
    const run = readTrainRun(nested)
    nested.end()
    reader.end()
    return { job, model, memoryBytes, run }
  },
  inputs: (params) => [(params as TrainTask).model],
  estimate(params) {
    return { memoryBytes: (params as TrainTask).memoryBytes, cost: 1, maxOutputBytes: 0 }
  },
  async run(params, context) {
    const { job, model, run } = params as TrainTask
    const local = localOf(context)
    const modelDir = await context.artifacts.materialize(model, context.modelsDirectory)
    const directory = path.join(local.keptDirectory, job)
    const board = openBoard()
    const tell = createTeller(job, board, local)
    const onProgress = (share: number) => {
      context.progress(share)
      tell()
      if (!local.accepts()) board.askForPause()
    }
    const { signal } = context
    const result = await local.longPool.run(
      'train.run',
      { directory, modelDir, run, threads: local.cores, board: board.memory },
      { signal, onProgress },
    )
    tell()
    if (result.ended === 'paused') throw new VillageError('WORK_PAUSED')
    const { bytes } = await context.pool.run('train.metrics', { directory }, { signal })
    const { outcome, steps, data } = result
    return { bytes, stats: { ...outcome, best: outcome.best && { ...outcome.best }, steps, data } }
  },
  async inspect() {
    throw new VillageError('RESULT_INVALID', 'A training is never the work of a peer')
  },
  async verify() {
    throw new VillageError('RESULT_INVALID', 'A training is never the work of a peer')
  },
  agree: (a, b) => Buffer.compare(a.bytes, b.bytes) === 0,
}
