/**
 * A model as named tensors, whatever it is stored as: safetensors as trainers write them, or the graph that this project's builder made of
 * such (the same names, linear weights turned back to [outputs, inputs]), or any other ONNX graph by its initializers. Synchronous and
 * lazy: nothing but structure is in memory until a tensor is read.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { readConfigFile } from '../../compute/models/builder/config-fields.ts'
import { readCardJson } from '../../compute/models/card-fields.ts'
import { parseLanguageCard } from '../../compute/models/language-card.ts'
import {
  ADAPTER_FILE,
  CARD_FILE,
  COMPRESSED_FILE,
  CONFIG_FILE,
  MODEL_FILE,
} from '../../compute/models/model-files.ts'
import { formatOf } from '../../compute/models/weight-source.ts'
import { BFLOAT16, FLOAT16, FLOAT32 } from '../../compute/onnx/data-types.ts'
import type { TensorInfo } from '../../compute/onnx/model.ts'
import { type OnnxModel, openModel } from '../../compute/onnx/read.ts'
import { listWeights, readRows } from '../../compute/onnx/weights.ts'
import { floatTypeOf } from '../../compute/safetensors/header.ts'
import { openSafetensors } from '../../compute/safetensors/read.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { FloatName } from './recipe.ts'

export interface SourceTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly elements: number
  readonly dtype: FloatName
}

export interface TensorSource extends Disposable {
  /** `village`: a graph of this project's builder, which can be built again of tensors and configuration. */
  readonly kind: 'village' | 'onnx' | 'safetensors'
  readonly directory: string
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, SourceTensor>
  /** Dims of the initializers as the graph holds them, where they lie the other way round. */
  readonly turned: ReadonlySet<string>
  readonly config: JsonObject | null
  /** All of a tensor, row-major. */
  read(name: string): Float32Array
}

const FLOAT_NAMES: ReadonlyMap<number, FloatName> = new Map([
  [FLOAT32, 'float32'],
  [FLOAT16, 'float16'],
  [BFLOAT16, 'bfloat16'],
])
/** What trainers store; rotary tables, masks and reshaping constants of a graph are called otherwise. */
const STORED_NAME = /\.(weight|bias)$/
/** Buffers that some trainers store and no graph needs. */
const BUFFERS = /(rotary_emb\.inv_freq|\.attn\.(masked_)?bias|position_ids)$/
/** Architectures that store linear weights [inputs, outputs], as a graph has them. */
const STORED_AS_OPERANDS: ReadonlySet<string> = new Set(['gpt2'])

function unsuitable(directory: string, problem: string): VillageError {
  return new VillageError('MERGE_MODEL_UNSUITABLE', `The model ${path.basename(directory)} ${problem}`, {
    fields: { model: path.basename(directory) },
  })
}

/** Throws MERGE_MODEL_UNSUITABLE, NOT_FOUND, and what the readers throw. */
export function openTensorSource(directory: string): TensorSource {
  const modelPath = path.join(directory, MODEL_FILE)
  const format = formatOf(modelPath)
  if (existsSync(path.join(directory, ADAPTER_FILE)) && !existsSync(modelPath))
    throw unsuitable(directory, 'is an adapter, which has no weights of its own')
  if (format === 'packed' || existsSync(path.join(directory, COMPRESSED_FILE)))
    throw unsuitable(directory, 'is compressed')
  if (format === 'safetensors') return safetensorsSource(directory)
  return graphSource(directory, modelPath)
}

function safetensorsSource(directory: string): TensorSource {
  const model = openSafetensors(directory)
  try {
    const tensors = new Map<string, SourceTensor>()
    const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]))
    for (const { name, dtype, shape, elements } of model.tensors) {
      if (BUFFERS.test(name)) continue
      const type = FLOAT_NAMES.get(floatTypeOf(dtype) ?? 0)
      if (type === undefined)
        throw unsuitable(
          directory,
          `stores the tensor ${name.slice(0, 200)} as ${dtype}, which cannot be merged`,
        )
      tensors.set(name, { name, shape, elements, dtype: type })
    }
    return {
      kind: 'safetensors',
      directory,
      tensors,
      turned: new Set(),
      config: readConfigFile(directory, CONFIG_FILE) ?? null,
      read(name) {
        const tensor = byName.get(name)!
        return model.readFloats(tensor, 0, tensor.elements)
      },
      [Symbol.dispose]: () => model[Symbol.dispose](),
    }
  } catch (error) {
    model[Symbol.dispose]()
    throw error
  }
}

/** The card of a language model in the layout of this project; null for every other graph. */
function villageArchitecture(directory: string): string | null {
  if (!existsSync(path.join(directory, CARD_FILE))) return null
  const json = readCardJson(directory)
  if (json.task !== 'text-generation') return null
  const card = parseLanguageCard(json)
  return card.layout === 'village' ? card.architecture : null
}

const isMergeable = ({ type, storage, elements, dims }: TensorInfo): boolean =>
  FLOAT_NAMES.has(type.code) && storage.kind === 'raw' && dims.length > 0 && elements > 1

function graphSource(directory: string, modelPath: string): TensorSource {
  const architecture = villageArchitecture(directory)
  const model = openModel(modelPath)
  const isStored = ({ name }: TensorInfo) => architecture === null || STORED_NAME.test(name)
  const stored = [...model.graph.initializers.values()].filter((one) => isMergeable(one) && isStored(one))
  const turns = architecture !== null && !STORED_AS_OPERANDS.has(architecture)
  const plans = turns ? listWeights(model, { minElements: 1 }).filter((plan) => plan.transposed) : []
  const turned = new Map(plans.map((plan) => [plan.name, plan]))
  const tensors = stored.map((tensor): [string, SourceTensor] => {
    const { name, elements } = tensor
    const plan = turned.get(name)
    const shape = plan === undefined ? tensor.dims : [plan.rows, plan.cols]
    return [name, { name, shape, elements, dtype: FLOAT_NAMES.get(tensor.type.code)! }]
  })
  return {
    kind: architecture === null ? 'onnx' : 'village',
    directory,
    tensors: new Map(tensors),
    turned: new Set(turned.keys()),
    config: readConfigFile(directory, CONFIG_FILE) ?? null,
    read: (name) => {
      const plan = turned.get(name)
      return plan === undefined ? readWhole(model, name) : readRows(model, plan, 0, plan.rows)
    },
    [Symbol.dispose]: () => model.close(),
  }
}

const readWhole = (model: OnnxModel, name: string): Float32Array =>
  model.readTensor(model.graph.initializers.get(name)!)
