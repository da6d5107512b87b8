/** Task kind `probe`: what each candidate codec would cost and lose on one weight, and how much the weight matters. */

import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { MAX_FEEDBACK_COLS } from '../calibration/limits.ts'
import { encodeSeconds } from '../codecs/speed.ts'
import { codecByName } from '../codecs/table.ts'
import type { Candidate } from '../compress-plan/candidates.ts'
import { MAX_PROBED, type Probed } from '../compress-plan/probed.ts'
import { sampledRows } from '../compress-plan/sampled-rows.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { invalid, readParams } from './read-params.ts'
import type { TaskContext, TaskKind, TaskOutput } from './task.ts'

export interface ProbeTask extends JsonObject {
  /** CID of the model directory. */
  readonly model: string
  readonly tensor: string
  readonly rows: number
  readonly cols: number
  /** Their parameters are fitted to the whole tensor. */
  readonly candidates: readonly Candidate[]
  /** CID; null without. */
  readonly calibration: string | null
  /** Whether the model is run with this weight compressed by `reference`. */
  readonly sensitivity: boolean
  readonly reference: Candidate
  /** CID of calibration data to run it on; null takes the project's own sentences. */
  readonly data: string | null
}

/** What the output says, as JSON. */
export interface ProbeResult {
  /** In the order of the candidates. */
  readonly probed: readonly Probed[]
  readonly reference: Probed
  /**
   * Squared movement of the model's outputs over their squares with the reference; null where it was not asked for, and
   * for a model whose outputs do not move by degrees.
   */
  readonly movement: number | null
}

const MAX_WEIGHTS = 2 ** 31
const MAX_CANDIDATES = 32
/** Items that the model is run on: the movement is a sum over all their outputs. */
const ITEMS = 64
/** Sums are added in one order everywhere. */
const TOLERANCE = 1e-6
/** onnxruntime is not the same on every machine, and what is compared is a difference of outputs. */
const MOVEMENT_TOLERANCE = 0.2
/** Share of the spot checks that run the model: whoever lies about many weights is found out by one. */
const SPOT_MOVEMENTS = 0.25
const BASE_MEMORY_BYTES = 192 * 2 ** 20
/** The model and its changed copy, each loaded and packed by onnxruntime. */
const MODEL_MEMORY_FACTOR = 5
const MAX_OUTPUT_BYTES = 64 * 1024
/** Of a slice: container and parameters. */
const MAX_HEADER_BYTES = 2048
/** More than any codec stores: of a row beside its weights, and of a weight with its share of scales. */
const MAX_ROW_BYTES = 64
const MAX_WEIGHT_BYTES = 16

function readCandidate(value: unknown, name: string): Candidate {
  if (!isJsonObject(value)) throw invalid(name, 'an object with codec and params')
  const reader = readParams(value)
  const codec = codecByName(reader.text('codec', 32))
  const params = codec.parseParams(reader.object('params'))
  reader.end()
  return { codec: codec.name, params }
}

function parse(input: unknown): ProbeTask {
  const reader = readParams(input)
  const task = {
    model: reader.text('model', 128),
    tensor: reader.text('tensor', 1024),
    rows: reader.integer('rows', 1, MAX_WEIGHTS),
    cols: reader.integer('cols', 1, MAX_WEIGHTS),
    candidates: reader
      .objects('candidates', MAX_CANDIDATES)
      .map((one, index) => readCandidate(one, `candidates.${index}`)),
    calibration: reader.optionalText('calibration', 128),
    sensitivity: reader.flag('sensitivity'),
    reference: readCandidate(reader.object('reference'), 'reference'),
    data: reader.optionalText('data', 128),
  }
  reader.end()
  return task
}

async function probe(task: ProbeTask, context: TaskContext): Promise<ProbeResult> {
  const { artifacts, pool, modelsDirectory, signal } = context
  const modelDirectory = await artifacts.materialize(task.model, modelsDirectory)
  const calibration =
    task.calibration === null
      ? {}
      : {
          calibration: {
            directory: await artifacts.materialize(task.calibration, modelsDirectory),
            tensor: task.tensor,
          },
        }
  const modelPath = path.join(modelDirectory, MODEL_FILE)
  const blocks = []
  for (const { startRow, rows } of sampledRows(task)) {
    const matrix = await pool.run(
      'model.readRows',
      { modelPath, name: task.tensor, startRow, rows, cols: task.cols },
      { signal },
    )
    blocks.push(matrix)
  }
  const candidates = [...task.candidates, task.reference]
  const probed = await pool.run('probe.candidates', { blocks, candidates, ...calibration }, { signal })
  context.progress(0.5)
  const reference = probed.pop()!
  if (!task.sensitivity) return { probed, reference, movement: null }
  const dataPath = task.data === null ? null : await artifacts.materialize(task.data, modelsDirectory)
  const { movement } = await pool.run(
    'probe.sensitivity',
    {
      modelDirectory,
      workDirectory: modelsDirectory,
      dataPath,
      items: ITEMS,
      tensor: task.tensor,
      candidate: task.reference,
      ...calibration,
    },
    { signal },
  )
  return { probed, reference, movement }
}

const wrong = (what: string) => new VillageError('RESULT_INVALID', `A probe is not right: ${what}`)

const isSize = (value: unknown, most: number): value is number =>
  typeof value === 'number' && value >= 0 && value <= most

/** Whether a candidate can have these figures: what is chosen by them must stay finite, whoever made them up. */
function isProbed(value: unknown, { codec, params }: Candidate, cols: number): boolean {
  if (!isJsonObject(value)) return false
  const { headerBytes, groupBytes, rowGroup, error } = value
  const group = codecByName(codec).rowGroup(params)
  return (
    rowGroup === group &&
    isSize(headerBytes, MAX_HEADER_BYTES) &&
    isSize(groupBytes, MAX_ROW_BYTES * group + MAX_WEIGHT_BYTES * group * cols) &&
    groupBytes > 0 &&
    isSize(error, MAX_PROBED)
  )
}

/** Throws RESULT_INVALID. */
export function decodeProbe(task: ProbeTask, bytes: Uint8Array): ProbeResult {
  let given: unknown
  try {
    given = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    throw wrong('it is not JSON')
  }
  if (!isJsonObject(given) || !Array.isArray(given.probed)) throw wrong('it has no candidates')
  if (given.probed.length !== task.candidates.length) throw wrong('it is of other candidates')
  const { probed, reference, movement } = given
  if (!task.candidates.every((candidate, index) => isProbed(probed[index], candidate, task.cols)))
    throw wrong('a figure of a candidate is out of range')
  if (!isProbed(reference, task.reference, task.cols))
    throw wrong('a figure of the reference is out of range')
  if (movement !== null && !(task.sensitivity && isSize(movement, MAX_PROBED)))
    throw wrong('its movement is out of range')
  return given as unknown as ProbeResult
}

function near(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance * Math.max(a, b)
}

function agree(a: ProbeResult, b: ProbeResult): boolean {
  const same = (one: Probed, other: Probed | undefined) =>
    other !== undefined &&
    one.headerBytes === other.headerBytes &&
    one.groupBytes === other.groupBytes &&
    one.rowGroup === other.rowGroup &&
    near(one.error, other.error, TOLERANCE)
  return (
    a.probed.length === b.probed.length &&
    a.probed.every((one, index) => same(one, b.probed[index])) &&
    same(a.reference, b.reference) &&
    (a.movement === null) === (b.movement === null) &&
    near(a.movement ?? 0, b.movement ?? 0, MOVEMENT_TOLERANCE)
  )
}

export const probeTask: TaskKind = {
  kind: 'probe',
  check: 'replicate',
  parseParams: parse,
  inputs: (params) => {
    const { model, calibration, data } = params as ProbeTask
    return [model, calibration, data].filter((cid) => cid !== null)
  },
  estimate(params, inputBytes = 0) {
    const task = params as ProbeTask
    const { rows, cols, reference, sensitivity } = task
    const sampled = sampledRows(task).reduce((sum, block) => sum + block.rows, 0)
    const seconds = (one: Candidate, count: number) =>
      encodeSeconds(one.codec, { rows: count, cols }, task.calibration !== null)
    const feedbackBytes = task.calibration !== null && cols <= MAX_FEEDBACK_COLS ? 8 * cols * cols : 0
    const samples = task.candidates.reduce((sum, one) => sum + seconds(one, sampled), 0)
    return {
      memoryBytes:
        BASE_MEMORY_BYTES +
        feedbackBytes +
        sampled * cols * 24 +
        (sensitivity ? MODEL_MEMORY_FACTOR * inputBytes : 0),
      cost: samples + (sensitivity ? 1 + seconds(reference, rows) : 0),
      maxOutputBytes: MAX_OUTPUT_BYTES,
    }
  },
  async run(params, context) {
    const task = params as ProbeTask
    const result = await probe(task, context)
    return { bytes: Buffer.from(JSON.stringify(result)), stats: { candidates: result.probed.length } }
  },
  async inspect(params, output) {
    const { probed } = decodeProbe(params as ProbeTask, output.bytes)
    if (output.stats.candidates !== probed.length) throw wrong('its statistics are of another result')
  },
  async verify(params, output, context, depth, random) {
    const task = params as ProbeTask
    const claimed = decodeProbe(task, output.bytes)
    if (output.stats.candidates !== claimed.probed.length) throw wrong('its statistics are of another result')
    const index = Math.floor(random() * task.candidates.length)
    // A part of it: one candidate and the reference, and seldom the model's outputs, which take a run of the model.
    const sensitivity = task.sensitivity && random() < SPOT_MOVEMENTS
    const looked = depth === 'full' ? task : { ...task, candidates: [task.candidates[index]!], sensitivity }
    const own = await probe(looked, context)
    const movement = sensitivity ? claimed.movement : null
    const same = depth === 'full' ? claimed : { ...claimed, probed: [claimed.probed[index]!], movement }
    if (!agree(own, same)) throw wrong('a figure is not what was measured')
    return { exact: depth === 'full' }
  },
  agree(a: TaskOutput, b: TaskOutput) {
    try {
      const [one, other] = [a, b].map(
        ({ bytes }) => JSON.parse(Buffer.from(bytes).toString('utf8')) as ProbeResult,
      )
      return agree(one!, other!)
    } catch {
      return false // one of them is not a result at all
    }
  },
}
