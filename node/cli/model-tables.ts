/** Inputs, outputs and tensors of a model as tables for people. */
import { isJsonObject, type JsonObject } from '../json.ts'
import { bytes, count, facts, table } from './format.ts'
import { figure } from './result-text.ts'

export interface PortView {
  name: string
  type: string
  dims: (number | string | null)[]
}

/** What is longer is for --json. */
const SHOWN_PORTS = 12
/** Matrices of adapters have defaults: nobody has to feed them. */
const ADAPTER = /\.lora_[AB]$/

export function portTable(inputs: readonly PortView[], outputs: readonly PortView[]): string {
  const row = (way: string) => (port: PortView) => [
    way,
    port.name,
    port.dims.map((size) => size ?? '?').join('×'),
    port.type,
  ]
  const needed = inputs.filter(({ name }) => !ADAPTER.test(name))
  const shown = (ports: readonly PortView[]) => ports.slice(0, SHOWN_PORTS)
  const rest = [needed, outputs].reduce((sum, ports) => sum + Math.max(0, ports.length - SHOWN_PORTS), 0)
  return [
    table(
      ['', 'NAME', 'SHAPE', 'TYPE'],
      [...shown(needed).map(row('input')), ...shown(outputs).map(row('output'))],
    ),
    ...(rest === 0 ? [] : [`and ${rest} more (--json has them all)`]),
    ...(needed.length === inputs.length
      ? []
      : [`${inputs.length - needed.length} inputs for adapters may be left out.`]),
  ].join('\n')
}

/** What is longer is for --json: people get the largest. */
const SHOWN_TENSORS = 20
const SHOWN_KEPT = 10

export interface TensorView {
  name: string
  type: string
  dims: number[]
  sizeBytes: number
}

export function tensorTable(tensors: readonly TensorView[]): string {
  const largest = [...tensors].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, SHOWN_TENSORS)
  const rest = tensors.length - largest.length
  return [
    table(
      ['TENSOR', 'SHAPE', 'TYPE', 'SIZE'],
      largest.map(({ name, dims, type, sizeBytes }) => [name, dims.join('×'), type, bytes(sizeBytes)]),
    ),
    ...(rest === 0 ? [] : [`and ${rest} smaller tensors (--json has them all)`]),
  ].join('\n')
}

export function reportTable(report: JsonObject): string {
  const rows = (Array.isArray(report.tensors) ? report.tensors : []) as readonly JsonObject[]
  return table(
    ['COMPRESSED', 'WEIGHTS', 'CODEC', 'BITS', 'ERROR', 'RUNS AS'],
    rows.map((row) => [
      figure(row.name),
      count(Number(row.weights)),
      // Reports of older daemons have one codec for all.
      figure(row.codec ?? report.codec),
      figure(row.bitsPerWeight),
      figure(row.relativeError),
      row.runtime === undefined || row.runtime === null ? '-' : figure(row.runtime),
    ]),
  )
}

/** What a quantised weight is stored as (node/compute/onnx/quantized-ops.ts). */
const STORED_AS = /_(table_)?(q\d+|scales|zero_points)(_\d+)?$/

/** Tensors that went through no codec, the largest first. */
export function keptTable(report: JsonObject, tensors: readonly TensorView[]): string {
  const rows = (Array.isArray(report.tensors) ? report.tensors : []) as readonly JsonObject[]
  const compressed = new Set(rows.map(({ name }) => name))
  const kept = tensors.filter(
    ({ name }) => !compressed.has(name) && !compressed.has(name.replace(STORED_AS, '')),
  )
  if (kept.length === 0) return ''
  const sizeBytes = kept.reduce((sum, tensor) => sum + tensor.sizeBytes, 0)
  const largest = [...kept].sort((a, b) => b.sizeBytes - a.sizeBytes).slice(0, SHOWN_KEPT)
  const rest = kept.length - largest.length
  return [
    table(
      ['KEPT AS IT WAS', 'SHAPE', 'TYPE', 'SIZE'],
      largest.map(({ name, dims, type, sizeBytes: size }) => [name, dims.join('×'), type, bytes(size)]),
    ),
    `${rest === 0 ? '' : `and ${rest} smaller ones, `}${bytes(sizeBytes)} in all`,
  ].join('\n')
}

/** What a card says beyond the entry of the registry. */
export function cardFacts(card: JsonObject): string {
  const { adapters = null, pooling = null } = card
  const modules = isJsonObject(adapters) && Array.isArray(adapters.modules) ? adapters.modules.length : 0
  const rows: [string, unknown][] = [
    ['architecture', card.architecture],
    ['layout', card.layout],
    ['context', card.contextTokens ?? card.maxTokens],
    ['vocabulary', card.vocabulary],
    ['layers', card.layers],
    ['dimensions', card.dimensions],
    ['pooling', pooling],
    ['adapters', modules === 0 ? null : `for ${modules} layers`],
    ['licence', card.licence],
  ]
  return facts(
    rows.flatMap(([name, value]): [string, string][] =>
      value === undefined || value === null
        ? []
        : [[name, typeof value === 'number' ? count(value) : `${value}`]],
    ),
  )
}
