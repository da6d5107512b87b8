/**
 * What the layers of a model make of texts: one point a text and layer, the mean over the text's tokens of what a weight
 * matrix reads (Valeriani et al., arXiv 2302.00294, section 2, take the same mean). Models with the same texts can be compared
 * text by text, whatever their tokens are.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Activation, listActivations } from '../../compute/calibration/activations.ts'
import { writeCaptureModel } from '../../compute/calibration/capture-graph.ts'
import { hasTokenizer } from '../../compute/calibration/data.ts'
import { openTextFeeds } from '../../compute/calibration/text-feeds.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { openModel } from '../../compute/onnx/read.ts'
import { createSessions } from '../../compute/onnx/sessions.ts'
import type { TensorValue } from '../../compute/onnx/tensor-value.ts'
import { VillageError } from '../../errors.ts'
import type { Points } from './nearest-neighbours.ts'

/** Weights below it are no layers of their own. */
const MIN_ELEMENTS = 256
/** Of a model with more, evenly spread ones are looked at. */
export const MAX_LAYERS = 64
/** The beginning of a text says enough of it. */
const MAX_TOKENS = 64

export interface LayerPoints {
  /** The first weight that reads it. */
  readonly layer: string
  readonly points: Points
}

export interface TextPointsRequest {
  readonly modelDirectory: string
  /** A copy of the model is written below it, and removed. */
  readonly workDirectory: string
  readonly texts: readonly string[]
}

/** Whether there is anything to run and to ask: a graph, and a tokenizer for the texts. */
export function readsTexts(modelDirectory: string): boolean {
  return existsSync(path.join(modelDirectory, MODEL_FILE)) && hasTokenizer(modelDirectory)
}

/**
 * Layers in the order of the model; those whose rows cannot be told apart by text are left out. Texts without a token are
 * left out of all layers, which their numbers in `kept` tell. Throws GEOMETRY_MODEL_UNSUITABLE, SESSION_FAILED, and what the reading of the model throws.
 */
export async function textPoints(
  request: TextPointsRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<{ layers: LayerPoints[]; kept: readonly number[] }> {
  const { modelDirectory, texts } = request
  if (!readsTexts(modelDirectory))
    throw new VillageError('GEOMETRY_MODEL_UNSUITABLE', 'The model has no graph that reads texts')
  const modelPath = path.join(modelDirectory, MODEL_FILE)
  using model = openModel(modelPath)
  const made = new Map(model.graph.nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at])))
  const madeAt = ({ inputs: [first] }: Activation) => made.get(first!) ?? -1
  const found = listActivations(model, { minElements: MIN_ELEMENTS, feedbackBudgetBytes: 0 }).sort(
    (a, b) => madeAt(a) - madeAt(b),
  )
  const chosen = evenly(found, MAX_LAYERS)
  const feeds = openTextFeeds(modelDirectory)
  const rows = texts.map((text, index) => ({ index, tokens: feeds.encode(text, MAX_TOKENS) }))
  const kept = rows.filter(({ tokens }) => tokens.length > 0)
  const layers = chosen.map(({ weights, cols }) => ({
    layer: weights[0]!,
    cols,
    values: new Float32Array(kept.length * cols),
    usable: true,
  }))
  mkdirSync(request.workDirectory, { recursive: true })
  const directory = mkdtempSync(path.join(request.workDirectory, 'geometry-'))
  const sessions = createSessions({ maxSessions: 1 })
  try {
    const inputs = chosen.map(({ inputs: [first] }) => first!)
    const capture = writeCaptureModel(model, modelPath, directory, inputs)
    const places = new Map(kept.map(({ index }, place) => [index, place]))
    let done = 0
    for (const batch of batchesOf(kept, feeds.maxRows)) {
      await nextTurn()
      signal.throwIfAborted()
      const length = batch[0]!.tokens.length
      const outputs = await sessions.run(
        { modelPath: capture.path, feeds: feeds.feeds(batch.map(({ tokens }) => tokens)) },
        signal,
      )
      for (const [at, layer] of layers.entries()) {
        const output = outputs[capture.outputs[at]!]
        layer.usable &&= addMeans(
          layer,
          output,
          batch.map(({ index }) => places.get(index)!),
          length,
        )
      }
      done += batch.length
      progress(done / kept.length)
    }
  } finally {
    await sessions.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return {
    layers: layers
      .filter(({ usable }) => usable)
      .map(({ layer, cols, values }) => ({ layer, points: { values, count: kept.length, dims: cols } })),
    kept: kept.map(({ index }) => index),
  }
}

export function evenly<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items]
  return Array.from({ length: most }, (_, at) => items[Math.floor((at * items.length) / most)]!)
}

interface Row {
  readonly index: number
  readonly tokens: readonly number[]
}

/** Texts of one length go together: what padding makes would be no activation of a text. */
function batchesOf(rows: readonly Row[], maxRows: number): Row[][] {
  const byLength = Map.groupBy(rows, ({ tokens }) => tokens.length)
  return [...byLength.values()].flatMap((same) =>
    Array.from({ length: Math.ceil(same.length / maxRows) }, (_, at) =>
      same.slice(at * maxRows, (at + 1) * maxRows),
    ),
  )
}

/** False where the output has neither a row for each token nor one for each text, or is not finite. */
function addMeans(
  { cols, values }: { readonly cols: number; readonly values: Float32Array },
  output: TensorValue | undefined,
  places: readonly number[],
  length: number,
): boolean {
  if (output?.type !== 'float32' || output.dims.at(-1) !== cols) return false
  const rows = output.data.length / cols
  const byText = rows === places.length * length ? length : rows === places.length ? 1 : 0
  if (byText === 0) return false
  for (const [text, place] of places.entries())
    for (let col = 0; col < cols; col++) {
      let sum = 0
      for (let row = 0; row < byText; row++) sum += output.data[(text * byText + row) * cols + col]!
      const mean = sum / byText
      if (!Number.isFinite(mean)) return false
      values[place * cols + col] = mean
    }
  return true
}
