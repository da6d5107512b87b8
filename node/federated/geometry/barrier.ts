/**
 * The loss along the straight line between two models of one shape: how much worse the worst point is than the line between
 * the ends. Without a barrier the two lie in one basin, and their mean is a model too (Frankle et al., arXiv 1912.05671,
 * section 2; Entezari et al., arXiv 2110.06296, definition 1). Units are not permuted to match first: two models that were
 * trained from different starts show a barrier here even where a permutation would take it away.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { openLanguageModel } from '../../compute/generate/open-language-model.ts'
import { readAnyCard } from '../../compute/models/model-card.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { copyExtras } from '../../compute/models/packed.ts'
import { BFLOAT16, FLOAT16, FLOAT32 } from '../../compute/onnx/data-types.ts'
import type { TensorInfo } from '../../compute/onnx/model.ts'
import { type OnnxModel, openModel } from '../../compute/onnx/read.ts'
import { replaceTensors } from '../../compute/onnx/replace-tensors.ts'
import { VillageError } from '../../errors.ts'

/** The loss of a text is that of its beginning. */
const MAX_TOKENS = 64
/** More texts make the loss more exact than the barrier needs. */
export const BARRIER_TEXTS = 64

export interface LinePoint {
  /** 0 is the first model, 1 the second. */
  readonly t: number
  /** Mean cross-entropy in nats a token. */
  readonly loss: number
}

export interface Barrier {
  readonly line: readonly LinePoint[]
  /** max over t of L(t) − ((1 − t)·L(0) + t·L(1)), 0 where no point lies above the line between the ends. */
  readonly height: number
  readonly at: number
}

/** `line` from 0 to 1. */
export function barrierOf(line: readonly LinePoint[]): Barrier {
  const first = line[0]!.loss
  const last = line.at(-1)!.loss
  let height = 0
  let at = 0
  for (const { t, loss } of line) {
    const above = loss - ((1 - t) * first + t * last)
    if (above > height) {
      height = above
      at = t
    }
  }
  return { line, height, at }
}

const FLOATS: ReadonlySet<number> = new Set([FLOAT32, FLOAT16, BFLOAT16])

const weightsOf = (model: OnnxModel): TensorInfo[] =>
  [...model.graph.initializers.values()].filter(({ type }) => FLOATS.has(type.code))

/** Why there is no straight line between two models, or null. */
export function apartBecause(firstDirectory: string, secondDirectory: string): string | null {
  for (const directory of [firstDirectory, secondDirectory])
    if (readAnyCard(directory).task !== 'text-generation') return 'only language models have a loss on texts'
  using first = openModel(path.join(firstDirectory, MODEL_FILE))
  using second = openModel(path.join(secondDirectory, MODEL_FILE))
  const [a, b] = [weightsOf(first), weightsOf(second)]
  const others = new Map(b.map((tensor) => [tensor.name, tensor]))
  const differs = a.find(({ name, dims }) => others.get(name)?.dims.join() !== dims.join())
  if (a.length !== b.length || differs !== undefined)
    return `the models have not the same tensors${differs === undefined ? '' : ` (${differs.name})`}`
  const packed = a.find(({ storage }) => storage.kind !== 'raw')
  return packed === undefined ? null : `"${packed.name}" is not stored as bytes`
}

/**
 * The losses of `points` models from the first to the second, evenly apart. A model of the line lies in a directory of its own
 * below `workDirectory` while it is asked. Throws GEOMETRY_MODEL_UNSUITABLE where apartBecause() has a reason.
 */
export async function lossLine(
  request: {
    firstDirectory: string
    secondDirectory: string
    workDirectory: string
    texts: readonly string[]
    points: number
  },
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<LinePoint[]> {
  const { firstDirectory, secondDirectory, texts, points } = request
  const reason = apartBecause(firstDirectory, secondDirectory)
  if (reason !== null)
    throw new VillageError('GEOMETRY_MODEL_UNSUITABLE', `There is no line between the models: ${reason}`)
  mkdirSync(request.workDirectory, { recursive: true })
  const line: LinePoint[] = []
  for (let at = 0; at < points; at++) {
    signal.throwIfAborted()
    const t = at / (points - 1)
    const between = mkdtempSync(path.join(request.workDirectory, 'line-'))
    try {
      if (t > 0 && t < 1) await writeBetween(firstDirectory, secondDirectory, between, t)
      const directory = t === 0 ? firstDirectory : t === 1 ? secondDirectory : between
      line.push({ t, loss: await lossOn(directory, texts, signal) })
    } finally {
      rmSync(between, { recursive: true, force: true })
    }
    progress((at + 1) / points)
  }
  return line
}

/** (1 − t)·a + t·b of every float tensor, tensor by tensor. */
async function writeBetween(
  firstDirectory: string,
  secondDirectory: string,
  outDir: string,
  t: number,
): Promise<void> {
  await copyExtras(firstDirectory, outDir)
  const firstPath = path.join(firstDirectory, MODEL_FILE)
  using first = openModel(firstPath)
  using second = openModel(path.join(secondDirectory, MODEL_FILE))
  const values = new Map(
    weightsOf(first).map((tensor) => [
      tensor.name,
      () => {
        const a = first.readTensor(tensor)
        const b = second.readTensor(second.graph.initializers.get(tensor.name)!)
        return a.map((value, at) => (1 - t) * value + t * b[at]!)
      },
    ]),
  )
  replaceTensors(firstPath, outDir, values)
}

/** Mean cross-entropy of all tokens but the first of each text. Throws GEOMETRY_TEXTS_INVALID where no text has two tokens. */
export async function lossOn(
  modelDirectory: string,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const model = await openLanguageModel(modelDirectory, { threads: 1 })
  try {
    const length = Math.min(MAX_TOKENS, model.card.contextTokens)
    const requests = texts
      .map((text) => model.tokenizer.encode(text, { specialTokens: true }).slice(0, length))
      .filter((tokens) => tokens.length > 1)
      .map((tokens) => ({ context: tokens.slice(0, 1), continuation: tokens.slice(1) }))
    if (requests.length === 0)
      throw new VillageError('GEOMETRY_TEXTS_INVALID', 'No text has two tokens: there is nothing to predict')
    let sum = 0
    let count = 0
    for (const { logProbabilities } of await model.score(requests, signal)) {
      for (const value of logProbabilities) sum -= value
      count += logProbabilities.length
    }
    return sum / count
  } finally {
    await model.close()
  }
}
