/** What a server of federations does in worker threads: parameters, updates, aggregation, measuring, the resulting model. */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { writeCheckpoint } from '../../compute/training/checkpoint.ts'
import { TRAINED_FILE } from '../../compute/training/training-files.ts'
import { VillageError } from '../../errors.ts'
import { cryptographicNormals } from '../privacy/gaussian-noise.ts'
import { aggregateRound } from './aggregate-round.ts'
import { clipToNorm } from './clip-to-norm.ts'
import type { FederateSpec } from './federate-spec.ts'
import { readGlobal, startState, writeGlobal } from './global-state.ts'
import { openModelTrainer, openTexts, parametersOf } from './model-trainer.ts'
import { split } from './parameter-layout.ts'
import { epsilonAfter } from './round-epsilon.ts'
import { decodeUpdate, type UpdateCodec } from './update-codec.ts'
import { openUpdateFiles, writeUpdateFile } from './update-files.ts'
import { bytesOf } from './vector-stream.ts'

interface ModelInput {
  readonly modelDir: string
  readonly spec: FederateSpec
  readonly threads: number
}

/** Writes the state before the first round. */
export async function startGlobal(
  input: ModelInput & { file: string },
): Promise<{ elements: number; layoutHash: string }> {
  mkdirSync(path.dirname(input.file), { recursive: true, mode: 0o700 })
  const { trainer, layout } = await openModelTrainer(input.modelDir, input.spec, input.threads)
  try {
    writeGlobal(input.file, startState(input.spec, parametersOf(trainer, layout)))
    return { elements: layout.elements, layoutHash: layout.hash }
  } finally {
    await trainer.close()
  }
}

/** What a task carries: parameters, then the control variate where there is one, and the hash of both. */
export async function roundVectors(input: { file: string }): Promise<{
  vectors: Uint8Array
  hash: Uint8Array
  hasControl: boolean
}> {
  const { parameters, control } = readGlobal(input.file)
  const parts = control === null ? [bytesOf(parameters)] : [bytesOf(parameters), bytesOf(control)]
  const vectors = new Uint8Array(Buffer.concat(parts))
  const hash = new Uint8Array(createHash('sha256').update(vectors).digest())
  return { vectors, hash, hasControl: control !== null }
}

/** Decodes and stores an update. Throws UPDATE_MALFORMED, UPDATE_TOO_LARGE. */
export async function storeUpdate(input: {
  update: Uint8Array
  control: Uint8Array | null
  codec: UpdateCodec
  elements: number
  maxNorm: number | null
  file: string
}): Promise<{ norm: number }> {
  const { update, control, codec, elements, maxNorm, file } = input
  const values = decodeUpdate(update, codec, elements)
  const norm = clipToNorm(values, Number.POSITIVE_INFINITY)
  if (maxNorm !== null && norm > maxNorm)
    throw new VillageError('UPDATE_TOO_LARGE', `An update has the norm ${norm.toPrecision(3)}`)
  if (control === null) writeUpdateFile(file, values)
  else {
    const both = new Float32Array(2 * elements)
    both.set(values)
    both.set(decodeUpdate(control, codec, elements), elements)
    writeUpdateFile(file, both)
  }
  return { norm }
}

export interface AggregateInput {
  readonly spec: FederateSpec
  readonly secretSeed: number
  readonly globalFile: string
  readonly nextFile: string
  /** In the order of the peer IDs. */
  readonly files: readonly string[]
  readonly weights: readonly number[]
  readonly population: number
  readonly summed: number | null
}

export interface AggregateOutput {
  readonly norm: number
  /** Indices of clients. */
  readonly used: readonly number[]
  readonly refused: readonly { client: number; reason: string }[]
  /** Spent with this round; null without privacy. */
  readonly epsilon: number | null
}

/** Throws AGGREGATE_TOO_FEW_CLIENTS. */
export async function aggregateFiles(input: AggregateInput): Promise<AggregateOutput> {
  const { spec, files, weights, population, summed, secretSeed } = input
  const state = readGlobal(input.globalFile)
  const elements = state.parameters.length
  using updates = openUpdateFiles(files, elements)
  using controls = openUpdateFiles(state.control === null ? [] : files, elements, elements)
  const {
    state: next,
    report,
    norm,
  } = aggregateRound({ ...spec, seed: secretSeed }, state, {
    updates,
    weights,
    controls: state.control === null ? null : controls,
    population,
    summed,
    noise: cryptographicNormals,
  })
  writeGlobal(input.nextFile, next)
  const refused = report.refused.map(({ client, reason }) => ({ client, reason }))
  return { norm, used: report.used, refused, epsilon: epsilonAfter(next.round, spec.privacy) }
}

const MAX_TEST_BATCHES = 32

/** Mean loss by token on the server's own texts. */
export async function measureGlobal(
  input: ModelInput & { file: string; directory: string; files: readonly string[] },
  signal: AbortSignal,
): Promise<{ loss: number }> {
  const { modelDir, spec, threads, directory, files } = input
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  using texts = await openTexts({ directory, modelDir, files, spec }, signal)
  const { trainer, layout } = await openModelTrainer(modelDir, spec, threads)
  try {
    const { parameters } = readGlobal(input.file)
    trainer.restore({ ...trainer.state(), parameters: split(layout, parameters) })
    let lossSum = 0
    let count = 0
    const batches = Math.min(MAX_TEST_BATCHES, Math.ceil(texts.data.rows / spec.local.batch))
    for (let batch = 0; batch < batches; batch++) {
      const loss = await trainer.loss(texts.batches.batch(batch * spec.local.batch), signal)
      lossSum += loss.lossSum
      count += loss.count
    }
    return { loss: lossSum / count }
  } finally {
    await trainer.close()
  }
}

/** Writes the parameters where `train.publish` takes those of a finished training. */
export async function writeResult(input: ModelInput & { file: string; directory: string }): Promise<void> {
  mkdirSync(input.directory, { recursive: true, mode: 0o700 })
  const { trainer, layout } = await openModelTrainer(input.modelDir, input.spec, input.threads)
  try {
    const parameters = split(layout, readGlobal(input.file).parameters)
    const state = { step: 0, parameters, moments: new Map() }
    writeCheckpoint(path.join(input.directory, TRAINED_FILE), state, {}, { moments: false })
  } finally {
    await trainer.close()
  }
}
