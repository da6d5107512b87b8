/**
 * What the graphs of all language models share: the inputs and outputs of the `village` layout (docs/models.md), linear layers
 * with LoRA inputs, grouped-query attention over a cache of fixed capacity, and logits of chosen rows.
 */
import { FLOAT32, INT32, INT64 } from '../../onnx/data-types.ts'
import { int64Tensor, type ValueSpec } from '../../onnx/encode.ts'
import { createGraphBuilder, type GraphBuilder, type ModelSpec } from '../../onnx/write.ts'
import type { AdapterModule } from '../language-card.ts'
import { MICROSOFT } from './activations.ts'
import { type RotaryConfig, rotaryTable } from './rotary.ts'
import type { SourceWeights } from './source-weights.ts'

/** GroupQueryAttention rotates heads of such a size itself; for others RotaryEmbedding does it with positions of their own. */
const FUSED_ROTARY_MULTIPLE = 16
/** What GroupQueryAttention needs of a head. */
export const HEAD_SIZE_MULTIPLE = 8

export interface LanguageShape {
  readonly layers: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly headSize: number
  readonly width: number
  readonly vocabulary: number
  readonly contextTokens: number
  /** Null where positions are learned (an input of the graph) or unknown to attention. */
  readonly rotary: RotaryConfig | null
  /** Whether a table of positions is gathered by `position_ids`. */
  readonly learnedPositions: boolean
}

export interface LinearLayer {
  /** Name of the layer; its weight is `<module>.weight`, its bias `<module>.bias`. */
  readonly module: string
  readonly inputs: number
  readonly outputs: number
  readonly bias: boolean
  /** As it lies in the file; trainers write [outputs, inputs], the Conv1D of GPT-2 [inputs, outputs]. */
  readonly stored: 'outputs-inputs' | 'inputs-outputs'
}

export interface Attention {
  readonly layer: number
  readonly query: string
  readonly key: string
  readonly value: string
  /** How many of the last tokens are seen, this one among them; null for all. */
  readonly window: number | null
}

export interface LanguageGraph {
  readonly graph: GraphBuilder
  readonly positionInput: boolean
  readonly adapterModules: readonly AdapterModule[]
  /** A constant shape for Reshape; equal names have equal dims. */
  shape(name: string, dims: readonly number[]): string
  /** A vector or table as it lies in the file. */
  weight(name: string, dims: readonly number[]): string
  linear(input: string, layer: LinearLayer): string
  /** [batch, length, heads × headSize], of [batch, length, …] each. */
  attention(attention: Attention): string
  /** Hidden states of the rows in `logit_rows`: [rows, width], of [batch, length, width]. */
  selectRows(hidden: string): string
  /** `logits` of [rows, width]: with the table of the embedding where `tied`, else with a matrix of its own. */
  logits(hidden: string, head: { tied: true; table: string } | { tied: false; module: string }): void
  model(name: string): ModelSpec
}

export const INPUT_IDS = 'input_ids'
export const POSITION_IDS = 'position_ids'
const SEQUENCE_LENGTHS = 'seqlens_k'
const TOTAL_LENGTH = 'total_sequence_length'
const LOGIT_ROWS = 'logit_rows'
const LOGITS = 'logits'

const pastName = (layer: number, what: string) => `past_key_values.${layer}.${what}`
const presentName = (layer: number, what: string) => `present.${layer}.${what}`

export function createLanguageGraph(
  weights: SourceWeights,
  shape: LanguageShape,
  init: { adapters: boolean },
): LanguageGraph {
  const graph = createGraphBuilder()
  const adapterModules: AdapterModule[] = []
  const { heads, keyValueHeads, headSize, rotary } = shape
  const fusedRotary = rotary !== null && headSize % FUSED_ROTARY_MULTIPLE === 0
  const positionInput = shape.learnedPositions || (rotary !== null && !fusedRotary)

  const rotaryTables = (): [string, string] => {
    const table = (name: string, fn: (angle: number) => number) =>
      graph.tensor(rotaryTable(name, fn, rotary!, shape.contextTokens))
    return [table('rotary.cos', Math.cos), table('rotary.sin', Math.sin)]
  }

  /** input · A · B, added to the layer's output. Both are inputs of the graph; rank 0 leaves the layer as it is. */
  function addAdapter(input: string, output: string, { module, inputs, outputs }: LinearLayer): string {
    adapterModules.push({ name: module, inputs, outputs })
    const down = graph.add('MatMul', [input, `${module}.lora_A`])
    return graph.add('Add', [output, graph.add('MatMul', [down, `${module}.lora_B`])])
  }

  const cacheValues = (name: typeof pastName): ValueSpec[] =>
    Array.from({ length: shape.layers }, (_, layer) =>
      ['key', 'value'].map((what) => ({
        name: name(layer, what),
        elementType: FLOAT32,
        dims: ['batch', keyValueHeads, 'capacity', headSize],
      })),
    ).flat()

  const adapterValues = (): ValueSpec[] =>
    adapterModules.flatMap(({ name, inputs, outputs }, index) => {
      // A rank of its own for each: some may be adapted and others not.
      const rank = `rank_${index}`
      return [
        { name: `${name}.lora_A`, elementType: FLOAT32, dims: [inputs, rank] },
        { name: `${name}.lora_B`, elementType: FLOAT32, dims: [rank, outputs] },
      ]
    })

  return {
    graph,
    positionInput,
    adapterModules,

    shape: (name, dims) => graph.tensor(int64Tensor(name, [dims.length], dims)),
    weight: (name, dims) => graph.tensor(weights.tensor(name, dims)),

    linear(input, layer) {
      const { module, inputs, outputs, bias, stored } = layer
      const weight = graph.tensor(
        stored === 'outputs-inputs'
          ? weights.transposed(`${module}.weight`, outputs, inputs)
          : weights.tensor(`${module}.weight`, [inputs, outputs]),
      )
      const product = graph.add('MatMul', [input, weight])
      const output = bias
        ? graph.add('Add', [product, graph.tensor(weights.tensor(`${module}.bias`, [outputs]))])
        : product
      return init.adapters ? addAdapter(input, output, layer) : output
    },

    attention({ layer, query, key, value, window }) {
      const tables = rotary === null ? [] : rotaryTables()
      const turn = (input: string, what: string): string => {
        const output = `rotary.${layer}.${what}`
        graph.addNode({
          opType: 'RotaryEmbedding',
          domain: MICROSOFT,
          inputs: [input, POSITION_IDS, ...tables],
          outputs: [output],
        })
        return output
      }
      const separate = rotary !== null && !fusedRotary
      const output = `attention.${layer}`
      graph.addNode({
        opType: 'GroupQueryAttention',
        domain: MICROSOFT,
        name: `GroupQueryAttention_${layer}`,
        inputs: [
          separate ? turn(query, 'query') : query,
          separate ? turn(key, 'key') : key,
          value,
          pastName(layer, 'key'),
          pastName(layer, 'value'),
          SEQUENCE_LENGTHS,
          TOTAL_LENGTH,
          ...(fusedRotary ? tables : []),
        ],
        outputs: [output, presentName(layer, 'key'), presentName(layer, 'value')],
        attributes: {
          num_heads: { int: heads },
          kv_num_heads: { int: keyValueHeads },
          ...(fusedRotary && { do_rotary: { int: 1 } }),
          ...(window !== null && { local_window_size: { int: window } }),
        },
      })
      return output
    },

    selectRows(hidden) {
      const flat = graph.tensor(int64Tensor('rows_by_width', [2], [-1, shape.width]))
      return graph.add('Gather', [graph.add('Reshape', [hidden, flat]), LOGIT_ROWS], { axis: { int: 0 } })
    },

    logits(hidden, head) {
      if (head.tied) {
        graph.add('Gemm', [hidden, head.table], { transB: { int: 1 } }, LOGITS)
        return
      }
      const matrix = weights.transposed(`${head.module}.weight`, shape.vocabulary, shape.width)
      graph.add('MatMul', [hidden, graph.tensor(matrix)], undefined, LOGITS)
    },

    model(name) {
      const ids = (input: string): ValueSpec => ({
        name: input,
        elementType: INT64,
        dims: ['batch', 'length'],
      })
      return {
        irVersion: 8,
        producer: 'aivillage',
        opsets: [
          { domain: '', version: 17 },
          { domain: MICROSOFT, version: 1 },
        ],
        graphName: name,
        nodes: graph.nodes,
        initializers: graph.initializers,
        inputs: [
          ids(INPUT_IDS),
          { name: SEQUENCE_LENGTHS, elementType: INT32, dims: ['batch'] },
          { name: TOTAL_LENGTH, elementType: INT32, dims: [] },
          { name: LOGIT_ROWS, elementType: INT64, dims: ['rows'] },
          ...(positionInput ? [ids(POSITION_IDS)] : []),
          ...cacheValues(pastName),
          ...adapterValues(),
        ],
        outputs: [
          { name: LOGITS, elementType: FLOAT32, dims: ['rows', shape.vocabulary] },
          ...cacheValues(presentName),
        ],
      }
    },
  }
}
