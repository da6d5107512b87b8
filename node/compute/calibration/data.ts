/**
 * What a model is calibrated on: the project's own sentences, a text file (an item a line) for models with a tokenizer,
 * or JSON lines for any model. Items are numbered, so that peers can share them.
 */
import { isUtf8 } from 'node:buffer'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { CARD_FILE, MODEL_FILE, TOKENIZER_FILE } from '../models/model-files.ts'
import { openModel } from '../onnx/read.ts'
import type { TensorValue } from '../onnx/tensor-value.ts'
import { parseFeeds } from './feeds.ts'
import { MAX_ITEMS } from './limits.ts'
import { CALIBRATION_SENTENCES, calibrationSentence } from './sentences.ts'
import { openTextFeeds } from './text-feeds.ts'

const MAX_DATA_BYTES = 64 * 1024 * 1024
/** Parsed, a line of numbers takes ten times its bytes. */
const MAX_LINE_BYTES = 4 * 1024 * 1024
/** Longer texts say no more about the inputs of a layer, and their activations take memory. */
const MAX_TOKENS = 512

/** One run of the model; `items` of the data are in it. */
export interface CalibrationRun {
  readonly items: number
  /** Line of the data that the run was made of; null where it is several or the project's own sentences. */
  readonly line: number | null
  readonly feeds: Readonly<Record<string, TensorValue>>
}

export interface CalibrationData {
  readonly items: number
  /** Reads every item, so that a mistake in the last line is found before the first is run. Throws CALIBRATION_DATA_INVALID. */
  check(): void
  /** The runs of a range of items. Throws CALIBRATION_DATA_INVALID naming the line. */
  runs(start: number, count: number): Iterable<CalibrationRun>
}

/**
 * Does with a run what may fail because its feeds do not fit the model in a way that only running it shows: the error
 * then names the line of the data, its inputs and what onnxruntime says. Throws what `work` throws otherwise.
 */
export async function onRun<T>({ line, feeds }: CalibrationRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isOfTheRun =
      error instanceof VillageError && (error.code === 'SESSION_FAILED' || error.code === 'INVALID_ARGUMENT')
    if (line === null || !isOfTheRun) throw error
    const inputs = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`)
    const said = error.cause instanceof Error ? error.cause.message : error.message
    throw new VillageError(
      error.code,
      `The model cannot be run on line ${line} of the calibration data (${inputs.join(', ').slice(0, 300)}): ${said.slice(0, 300)}`,
      { cause: error, fields: { line, inputs: inputs.join(', ').slice(0, 300) } },
    )
  }
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
  if (lines?.[0]?.text.startsWith('{') === true) return tensorData(modelDirectory, lines)
  if (!hasTokenizer(modelDirectory))
    throw new VillageError(
      'CALIBRATION_DATA_INVALID',
      dataPath === null
        ? 'The model has no tokenizer: calibrate it with JSON lines of its inputs.'
        : 'The calibration data is text, and the model has no tokenizer.',
    )
  return lines === null
    ? textData(modelDirectory, CALIBRATION_SENTENCES, calibrationSentence)
    : textData(modelDirectory, lines.length, (index) => lines[index]!.text)
}

interface DataLine {
  /** In the file, from 1. */
  readonly number: number
  readonly text: string
}

function readLines(path: string): DataLine[] {
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
    .map((line, index): DataLine => ({ number: index + 1, text: line.trim() }))
    .filter(({ text }) => text !== '')
  const long = lines.find(({ text }) => text.length > MAX_LINE_BYTES)
  if (long !== undefined)
    throw new VillageError(
      'CALIBRATION_DATA_INVALID',
      `Line ${long.number} of the calibration data is longer than ${MAX_LINE_BYTES / 1024 ** 2} MiB; put one item on a line.`,
      { fields: { line: long.number } },
    )
  if (lines.length === 0 || lines.length > MAX_ITEMS)
    throw new VillageError('CALIBRATION_DATA_INVALID', `The calibration data has ${lines.length} items.`)
  return lines
}

function tensorData(modelDirectory: string, lines: readonly DataLine[]): CalibrationData {
  using model = openModel(join(modelDirectory, MODEL_FILE))
  // Old files list initializers as inputs as well.
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name))
  return {
    items: lines.length,
    check() {
      for (const { text, number } of lines) parseFeeds(text, number, inputs)
    },
    *runs(start, count) {
      for (const { text, number } of lines.slice(start, start + count))
        yield { items: 1, line: number, feeds: parseFeeds(text, number, inputs) }
    },
  }
}

function textData(modelDirectory: string, items: number, text: (index: number) => string): CalibrationData {
  const model = openTextFeeds(modelDirectory)
  return {
    items,
    check() {
      // Any text can be tokenised.
    },
    *runs(start, count) {
      // Only texts of one length share a run: the activations of padding are no inputs that count.
      const byLength = new Map<number, number[][]>()
      for (let index = start; index < start + count; index++) {
        const tokens = model.encode(text(index), MAX_TOKENS)
        if (tokens.length === 0) continue
        const same = byLength.get(tokens.length)
        if (same === undefined) byLength.set(tokens.length, [tokens])
        else same.push(tokens)
      }
      for (const [, rows] of [...byLength].sort(([a], [b]) => a - b))
        for (let at = 0; at < rows.length; at += model.maxRows) {
          const batch = rows.slice(at, at + model.maxRows)
          yield { items: batch.length, line: null, feeds: model.feeds(batch) }
        }
    },
  }
}
