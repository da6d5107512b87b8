/** Whether a graph takes and gives what its card says: a card may come from anybody. */
import { VillageError } from '../../../errors.ts'
import { FLOAT16, FLOAT32 } from '../../onnx/data-types.ts'
import type { ValueInfo } from '../../onnx/model.ts'
import { openModel } from '../../onnx/read.ts'
import type { LanguageCard } from '../language-card.ts'
import type { EncoderCard } from '../model-card.ts'

const mismatch = (field: string, problem: string) =>
  new VillageError('MODEL_MISMATCH', `The card's "${field}" is not that of the graph: ${problem}`, {
    fields: { field },
  })

type Ports = ReadonlyMap<string, ValueInfo>

/** Throws MODEL_MISMATCH with the field of the card. */
export function checkGraph(modelPath: string, card: LanguageCard | EncoderCard): void {
  using model = openModel(modelPath)
  const inputs: Ports = new Map(model.graph.inputs.map((value) => [value.name, value]))
  const outputs: Ports = new Map(model.graph.outputs.map((value) => [value.name, value]))
  if (card.task === 'text-generation') checkLanguage(card, inputs, outputs)
  else checkEncoder(card, inputs, outputs)
}

function need(field: string, ports: Ports, name: string): ValueInfo {
  const value = ports.get(name)
  if (value === undefined) throw mismatch(field, `it has no "${name}"`)
  return value
}

/** Sizes that the graph leaves open are anything. */
function checkSize(field: string, value: ValueInfo, axis: number, expected: number): void {
  const size = value.dims?.at(axis)
  if (typeof size === 'number' && size !== expected)
    throw mismatch(field, `"${value.name}" has ${size} and not ${expected}`)
}

function checkLanguage(card: LanguageCard, inputs: Ports, outputs: Ports): void {
  need('layout', inputs, 'input_ids')
  if (card.layout === 'village') need('layout', inputs, 'seqlens_k')
  if (inputs.has('position_ids') !== card.positionInput) throw mismatch('positionInput', 'of "position_ids"')
  checkSize('vocabulary', need('layout', outputs, 'logits'), -1, card.vocabulary)
  const cacheType = card.cacheType === 'float16' ? FLOAT16 : FLOAT32
  for (let layer = 0; layer < card.layers; layer++)
    for (const part of ['key', 'value']) {
      const past = need('layers', inputs, `past_key_values.${layer}.${part}`)
      need('layers', outputs, `present.${layer}.${part}`)
      if (past.elementType !== cacheType) throw mismatch('cacheType', `of "${past.name}"`)
      checkSize('keyValueHeads', past, 1, card.keyValueHeads)
      checkSize('headSize', past, 3, card.headSize)
    }
  if (inputs.has(`past_key_values.${card.layers}.key`)) throw mismatch('layers', 'it has more')
  for (const { name } of card.adapters?.modules ?? [])
    for (const matrix of ['lora_A', 'lora_B']) need('adapters', inputs, `${name}.${matrix}`)
}

function checkEncoder(card: EncoderCard, inputs: Ports, outputs: Ports): void {
  const { ids, mask, types } = card.inputs
  for (const [field, name] of [
    ['inputs.ids', ids],
    ['inputs.mask', mask],
    ...(types === null ? [] : [['inputs.types', types] as const]),
  ] as const)
    need(field, inputs, name)
  const output = need('output', outputs, card.output)
  checkSize('dimensions', output, -1, card.dimensions)
  const rank = card.pooling === 'none' ? 2 : 3
  if (output.dims !== undefined && output.dims.length !== rank)
    throw mismatch('pooling', `"${output.name}" has ${output.dims.length} axes and not ${rank}`)
}
