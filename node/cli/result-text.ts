/** The result of a job for people. What the command line does not know in particular it lists plainly. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { evaluationText, intervalText } from './evaluation-text.ts'
import { bytes, count, facts } from './format.ts'
import { geometryText } from './geometry-text.ts'
import { geometryView } from './geometry-view.ts'
import { mergeText } from './merge-text.ts'
import { trainingText } from './training-text.ts'

export const figure = (value: JsonValue | undefined): string =>
  typeof value !== 'number'
    ? String(value ?? '')
    : Number.isInteger(value)
      ? String(value)
      : value.toPrecision(4)

const cidOf = (stored: JsonValue | undefined): JsonValue =>
  isJsonObject(stored ?? null) ? ((stored as JsonObject).cid ?? null) : null

/** Parameters as JSON; nothing where there are none, as for `auto`. */
const paramsText = (params: JsonValue | undefined): string[] =>
  isJsonObject(params ?? null) && Object.keys(params as JsonObject).length > 0 ? [JSON.stringify(params)] : []

/** The totals of a compression report (a compress job's result, or a model's report). */
export function compressionText(report: JsonObject): string {
  const totals = isJsonObject(report.totals ?? null) ? (report.totals as JsonObject) : {}
  // Tensors without a graph have no runnable form: the packed one stands in its place.
  const runs = cidOf(report.packed) === null || cidOf(report.packed) !== cidOf(report.runnable)
  const size = (name: string) => (typeof totals[name] === 'number' ? bytes(totals[name]) : '?')
  return facts([
    ['codec', [figure(report.codec), ...paramsText(report.params)].join(' ')],
    ...targetFacts(report),
    ['bits per weight', `${figure(totals.bitsPerWeight)} with all overheads of the compressed weights`],
    ['bits per parameter', `${figure(totals.bitsPerParameter)} of the whole packed model`],
    [
      'size',
      `${size('originalBytes')} to ${size('packedBytes')} packed, ${runs ? `${size('runnableBytes')} runnable` : 'no graph to run'}`,
    ],
    ['ratio', `${figure(totals.ratio)} packed${runs ? `, ${figure(totals.runnableRatio)} runnable` : ''}`],
    ['relative error', figure(totals.relativeError)],
    ...limitFacts(report, totals),
    ...qualityFacts(report),
  ])
}

/** How much of the model went through a codec, and what was too small to; reports of older daemons do not say. */
function limitFacts(report: JsonObject, totals: JsonObject): [string, string][] {
  const limit = isJsonObject(report.limit ?? null) ? (report.limit as JsonObject) : null
  const small = isJsonObject(limit?.small ?? null) ? (limit!.small as JsonObject) : null
  if (limit === null || small === null) return []
  const share = (Number(totals.compressedWeights) / Number(totals.parameters)) * 100
  const compressed = Number(limit.weights) - Number(small.weights)
  const lines: [string, string][] = [
    [
      'compressed',
      `${compressed} of ${number(limit.weights, 'tensor')}, ${share.toFixed(1)}% of the parameters`,
    ],
  ]
  if (Number(small.weights) > 0)
    lines.push([
      'kept as it was',
      `${number(small.weights, 'tensor')} (${bytes(Number(small.storedBytes))}) with fewer than ${count(Number(limit.minElements))} weights (--min-weights)`,
    ])
  return lines
}

const number = (value: JsonValue | undefined, noun: string): string =>
  `${count(Number(value))} ${noun}${value === 1 ? '' : 's'}`

/** What `auto` had to meet: `size 4.1 MB`, `quality 0.99`; nothing for one codec. */
function targetFacts(report: JsonObject): [string, string][] {
  const auto = isJsonObject(report.auto ?? null) ? (report.auto as JsonObject) : {}
  const target = isJsonObject(auto.target ?? null) ? (auto.target as JsonObject) : {}
  return Object.entries(target).map(([name, value]) => [
    'target',
    name === 'sizeBytes' && typeof value === 'number' ? `size ${bytes(value)}` : `${name} ${figure(value)}`,
  ])
}

/** What was kept and what the encoders were given; reports of older daemons say nothing of it. */
function qualityFacts(report: JsonObject): [string, string][] {
  const part = (name: string) => (isJsonObject(report[name] ?? null) ? (report[name] as JsonObject) : null)
  const quality = part('quality')
  const calibration = part('calibration')
  const lines: [string, string][] = []
  if (quality !== null)
    lines.push([
      'quality kept',
      quality.kept === null
        ? `not measured: ${figure(quality.why)}`
        : `${intervalText(quality.kept)} of ${figure(quality.measure)}`,
    ])
  if (calibration !== null)
    lines.push([
      'calibrated',
      calibration.cid === null
        ? `no: ${figure(calibration.why)}`
        : `with ${number(calibration.items, 'item')}, ${number(calibration.weights, 'weight')}`,
    ])
  return lines
}

/** Plain members, nested ones as `a.b` down to one level. */
export function plainText(result: JsonObject): string {
  const brief = (value: JsonValue): string =>
    typeof value === 'object' && value !== null ? `${Object.keys(value).length} entries` : figure(value)
  return facts(
    Object.entries(result).flatMap(([key, value]): [string, string][] =>
      isJsonObject(value)
        ? Object.entries(value).map(([inner, item]) => [`${key}.${inner}`, brief(item)])
        : [[key, brief(value)]],
    ),
  )
}

export function resultText(kind: string, result: JsonObject): string {
  if (kind === 'compress' && result.totals !== undefined)
    return `${facts([['new model', figure(result.id)]])}\n${compressionText(result)}`
  if (kind === 'evaluate' && Array.isArray(result.models)) return evaluationText(result)
  if (kind === 'merge') return mergeText(result)
  if (kind === 'train' && isJsonObject(result.config ?? null)) return trainingText(result)
  const geometry = kind === 'geometry' ? geometryView(result) : null
  if (geometry !== null) return geometryText(geometry)
  return plainText(result)
}
