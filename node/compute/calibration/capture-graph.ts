/** Writes a copy of a model that gives activations from within the graph instead of its own outputs. */
import { copyFileSync, linkSync, mkdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { copyRange, freshName } from '../onnx/copy-model.ts'
import { FLOAT32 } from '../onnx/data-types.ts'
import { encodeNode, MessageWriter } from '../onnx/encode.ts'
import { GRAPH_FIELD, MODEL_FIELD } from '../onnx/model.ts'
import { createModelFile } from '../onnx/model-file.ts'
import type { OnnxModel } from '../onnx/read.ts'

/**
 * Writes the model at `modelPath` (which `model` was opened from) into `directory` with the named values as its only
 * outputs, as float32 whatever the model computes in. Returns the path of the copy and the output of each value, in
 * order. What only the former outputs needed is then never computed. External data is linked, not copied, where the
 * file system can.
 */
export function writeCaptureModel(
  model: OnnxModel,
  modelPath: string,
  directory: string,
  values: readonly string[],
): { path: string; outputs: readonly string[] } {
  const path = join(directory, 'capture.onnx')
  const taken = namesOf(model)
  const outputs = values.map((_, index) => freshName(taken, `captured_${index}`))
  const file = createModelFile(path, { external: false })
  try {
    for (const field of model.fields) {
      if (field.field !== MODEL_FIELD.graph) {
        copyRange(model, file, field)
        continue
      }
      file.begin(MODEL_FIELD.graph)
      for (const part of model.graph.fields)
        if (part.field !== GRAPH_FIELD.output) copyRange(model, file, part)
      for (const [index, value] of values.entries()) {
        // A cast to the type that the value has costs nothing: onnxruntime leaves it out.
        const cast = { opType: 'Cast', inputs: [value], outputs: [outputs[index]!] }
        file.field(GRAPH_FIELD.node, encodeNode({ ...cast, attributes: { to: { int: FLOAT32 } } }))
        file.field(GRAPH_FIELD.output, openValue(outputs[index]!))
      }
      file.end()
    }
    file.commit()
  } finally {
    file.abort()
  }
  linkExternalFiles(model, modelPath, directory)
  return { path, outputs }
}

/** A float32 output whose rank is open: what it is, only a run tells. */
function openValue(name: string): Uint8Array {
  const type = new MessageWriter().message(1, new MessageWriter().varint(1, FLOAT32))
  return new MessageWriter().string(1, name).message(2, type).finish()
}

function namesOf(model: OnnxModel): Set<string> {
  const { graph } = model
  const names = new Set(graph.initializers.keys())
  for (const value of [...graph.inputs, ...graph.outputs]) names.add(value.name)
  for (const node of graph.nodes) for (const name of [...node.inputs, ...node.outputs]) names.add(name)
  return names
}

/** The copy names the same files, relative to its own directory. */
function linkExternalFiles(model: OnnxModel, modelPath: string, directory: string): void {
  for (const source of model.externalFiles) {
    // Checked by the reader to lie below the model's directory.
    const target = join(directory, relative(dirname(modelPath), source))
    mkdirSync(dirname(target), { recursive: true })
    try {
      linkSync(source, target)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error
      copyFileSync(source, target)
    }
  }
}
