/**
 * What a model is calibrated on: the project's own sentences, a text file (an item a line) for models with a tokenizer,
 * or JSON lines for any model. Items are numbered, so that peers can share them.
 */
import { isUtf8 } from 'node:buffer'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { CARD_FILE, MODEL_FILE, readCard, TOKENIZER_FILE } from '../models/model-card.ts'
import { loadTokenizer } from '../models/tokenizer.ts'
import { openModel } from '../onnx/read.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'
import { parseFeeds } from './feeds.ts'
import { CALIBRATION_SENTENCES, calibrationSentence } from './sentences.ts'

const MAX_DATA_BYTES = 64 * 1024 * 1024
export const MAX_ITEMS = 100_000
/** Texts of one length that share a run. */
const BATCH = 16
/** Longer texts say no more about the inputs of a layer, and their activations take memory. */
const MAX_TOKENS = 512

/** One run of the model; `items` of the data are in it. */
export interface CalibrationRun {
  readonly items: number
  readonly feeds: Readonly<Record<string, TensorValue>>
}

export interface CalibrationData {
  readonly items: number
  /** Reads every item, so that a mistake in the last line is found before the first is run. Throws CALIBRATION_DATA_INVALID. */
  check(): void
  /** The runs of a range of items. Throws CALIBRATION_DATA_INVALID naming the line. */
  runs(start: number, count: number): Iterable<CalibrationRun>
}

/** Whether the model can be calibrated without data from its user: it has a tokenizer, and so takes the project's sentences. */
export function hasTokenizer(modelDirectory: string): boolean {
  return existsSync(join(modelDirectory, CARD_FILE)) && existsSync(join(modelDirectory, TOKENIZER_FILE))
}

/**
 * Opens the data at `dataPath`, or the project's own sentences. A file whose first line begins with `{` is JSON lines,
 * any other is text. Throws CALIBRATION_DATA_INVALID where the model cannot be given it.
 */
export function openCalibrationData(modelDirectory: string, dataPath: string | null): CalibrationData {
  const lines = dataPath === null ? null : readLines(dataPath)
  if (lines?.[0]?.startsWith('{') === true) return tensorData(modelDirectory, lines)
  if (!hasTokenizer(modelDirectory))
    throw new VillageError(
      'CALIBRATION_DATA_INVALID',
      dataPath === null
        ? 'The model has no tokenizer: calibrate it with JSON lines of its inputs.'
        : 'The calibration data is text, and the model has no tokenizer.',
    )
  return lines === null
    ? textData(modelDirectory, CALIBRATION_SENTENCES, calibrationSentence)
    : textData(modelDirectory, lines.length, (index) => lines[index]!)
}

function readLines(path: string): string[] {
  const stats = statSync(path)
  if (!stats.isFile())
    throw new VillageError(
      'CALIBRATION_DATA_INVALID',
      'The calibration data is a directory: it must be a file.',
    )
  if (stats.size > MAX_DATA_BYTES)
    throw new VillageError(
      'CALIBRATION_DATA_INVALID',
      `The calibration data is larger than ${MAX_DATA_BYTES} bytes.`,
    )
  const bytes = readFileSync(path)
  if (!isUtf8(bytes))
    throw new VillageError('CALIBRATION_DATA_INVALID', 'The calibration data is not UTF-8 text.')
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (lines.length === 0 || lines.length > MAX_ITEMS)
    throw new VillageError('CALIBRATION_DATA_INVALID', `The calibration data has ${lines.length} items.`)
  return lines
}

function tensorData(modelDirectory: string, lines: readonly string[]): CalibrationData {
  using model = openModel(join(modelDirectory, MODEL_FILE))
  // Old files list initializers as inputs as well.
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name))
  return {
    items: lines.length,
    check() {
      for (const [index, line] of lines.entries()) parseFeeds(line, index + 1, inputs)
    },
    *runs(start, count) {
      for (let index = start; index < start + count; index++)
        yield { items: 1, feeds: parseFeeds(lines[index]!, index + 1, inputs) }
    },
  }
}

function textData(modelDirectory: string, items: number, text: (index: number) => string): CalibrationData {
  const card = readCard(modelDirectory)
  const tokenizer = loadTokenizer(join(modelDirectory, TOKENIZER_FILE))
  return {
    items,
    check() {
      // Any text can be tokenised.
    },
    *runs(start, count) {
      // Only texts of one length share a run: the activations of padding are no inputs that count.
      const byLength = new Map<number, number[][]>()
      for (let index = start; index < start + count; index++) {
        const tokens = tokenizer.encode(text(index), Math.min(card.maxTokens, MAX_TOKENS))
        if (tokens.length === 0) continue
        const same = byLength.get(tokens.length)
        if (same === undefined) byLength.set(tokens.length, [tokens])
        else same.push(tokens)
      }
      for (const [length, rows] of [...byLength].sort(([a], [b]) => a - b))
        for (let at = 0; at < rows.length; at += BATCH) {
          const batch = rows.slice(at, at + BATCH)
          const dims = [batch.length, length]
          const ids = BigInt64Array.from(batch.flat(), BigInt)
          const mask = new BigInt64Array(ids.length).fill(1n)
          yield {
            items: batch.length,
            feeds: {
              [card.inputs.ids]: { type: 'int64', dims, data: ids },
              [card.inputs.mask]: { type: 'int64', dims, data: mask },
            },
          }
        }
    },
  }
}
