/** A description of a model directory for people and programs, made from the structure of its files alone. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import { dataTypeByCode } from '../onnx/data-types.ts'
import { inspectModel } from '../onnx/inspect.ts'
import { openModel } from '../onnx/read.ts'
import { openSafetensors, openShards, type SafetensorsModel } from '../safetensors/read.ts'
import { readAnyCard } from './model-card.ts'
import { ADAPTER_FILE, CARD_FILE, PACKED_FILE } from './model-files.ts'
import { GRAPH_FILE, readManifest } from './packed.ts'
import { REST_FILE, SHARDS_FILE } from './safetensors-skeleton.ts'
import { formatOf, isMatrix, type ModelFormat } from './weight-source.ts'

/** What can be compressed of it; the same bound as for ONNX. */
const MIN_COMPRESSIBLE = 1024

/** Weights alone say nothing of inputs, outputs and operators. */
const NO_GRAPH: JsonObject = { irVersion: 0, opsets: [], inputs: [], outputs: [], operators: {} }

function describeSafetensors(model: SafetensorsModel): JsonObject {
  return {
    ...NO_GRAPH,
    tensors: model.tensors.map((tensor) => ({
      name: tensor.name,
      type: tensor.dtype,
      dims: tensor.shape,
      sizeBytes: tensor.sizeBytes,
      compressible: isMatrix(tensor) && tensor.elements >= MIN_COMPRESSIBLE,
    })),
    parameters: model.tensors
      .filter(({ dtype }) => /^B?F\d/.test(dtype))
      .reduce((sum, { elements }) => sum + elements, 0),
    sizeBytes: model.sizeBytes,
    externalFiles: model.shards.length,
  }
}

/** The weights that were taken out, as they will be again. */
function describePacked(directory: string): JsonObject {
  const { weights } = readManifest(directory)
  return {
    ...NO_GRAPH,
    tensors: weights.map(({ name, rows, cols, transposed, elementType, sizeBytes }) => ({
      name,
      type: dataTypeByCode(elementType)?.name ?? `${elementType}`,
      dims: transposed ? [cols, rows] : [rows, cols],
      sizeBytes,
      compressible: false,
    })),
    parameters: weights.reduce((sum, { rows, cols }) => sum + rows * cols, 0),
    sizeBytes: weights.reduce((sum, { sliceBytes }) => sliceBytes.reduce((a, b) => a + b, sum), 0),
    externalFiles: weights.length,
  }
}

const DESCRIBERS: Readonly<Record<ModelFormat, (modelPath: string) => JsonObject>> = {
  onnx(modelPath) {
    using model = openModel(modelPath)
    return inspectModel(model)
  },
  safetensors(modelPath) {
    using model = openSafetensors(path.dirname(modelPath))
    return describeSafetensors(model)
  },
  packed: (modelPath) => describePacked(path.dirname(modelPath)),
}

/** The card beside a graph, or null; MODEL_CARD_INVALID for one that is not valid. */
export function describeCard(modelPath: string): JsonObject | null {
  const directory = path.dirname(modelPath)
  if (formatOf(modelPath) !== 'onnx' || !existsSync(path.join(directory, CARD_FILE))) return null
  return JSON.parse(JSON.stringify(readAnyCard(directory))) as JsonObject
}

/** By the path that the ONNX file of the directory has or would have. Throws what the readers throw. */
export function describeModel(modelPath: string): JsonObject {
  const directory = path.dirname(modelPath)
  if (!existsSync(path.join(directory, ADAPTER_FILE))) return DESCRIBERS[formatOf(modelPath)](modelPath)
  using adapter = openShards(directory, [ADAPTER_FILE])
  return describeSafetensors(adapter)
}

/** The files that a model of safetensors, or a packed one, is made of; other small files may lie beside them. */
export function modelFiles(modelPath: string): string[] {
  const directory = path.dirname(modelPath)
  if (formatOf(modelPath) === 'safetensors') {
    using model = openSafetensors(directory)
    return model.shards.map(({ file }) => file)
  }
  const { source, weights } = readManifest(directory)
  const codebooks = new Set(weights.flatMap(({ codebook }) => (codebook === null ? [] : [codebook])))
  const rest = source === 'onnx' ? [GRAPH_FILE] : [REST_FILE, SHARDS_FILE]
  return [PACKED_FILE, ...rest, ...weights.map(({ file }) => file), ...codebooks]
}
