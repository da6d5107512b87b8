/** Tensors of models that candidates are made of, read once and kept by a worker thread within a limit of memory. */
import { statSync } from 'node:fs'
import path from 'node:path'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { BFLOAT16, FLOAT16, FLOAT32 } from '../../compute/onnx/data-types.ts'
import type { TensorInfo } from '../../compute/onnx/model.ts'
import { openModel } from '../../compute/onnx/read.ts'

export interface ModelTensors {
  /** Float tensors with their places in the file, in its order. */
  readonly infos: ReadonlyMap<string, TensorInfo>
  /** Elements as float32, never to be written to: others may hold them too. */
  read(name: string): Float32Array
}

export interface TensorCache {
  open(modelDir: string): ModelTensors
  sizeBytes(): number
  clear(): void
}

const FLOATS: ReadonlySet<number> = new Set([FLOAT32, FLOAT16, BFLOAT16])

function structureOf(modelPath: string): Map<string, TensorInfo> {
  using model = openModel(modelPath)
  const infos = [...model.graph.initializers.values()].filter(
    ({ type, storage, elements }) => FLOATS.has(type.code) && storage.kind === 'raw' && elements > 0,
  )
  return new Map(infos.map((info) => [info.name, info]))
}

/** At most `maxBytes` of tensors stay, those used last. One tensor may be larger: it is then read whenever it is asked for. */
export function createTensorCache(init: { readonly maxBytes: number }): TensorCache {
  /** In the order of use. */
  const tensors = new Map<string, Float32Array>()
  const models = new Map<string, { readonly stamp: string; readonly infos: Map<string, TensorInfo> }>()
  let sizeBytes = 0

  function keep(key: string, values: Float32Array): void {
    tensors.set(key, values)
    sizeBytes += values.byteLength
    for (const [oldest, old] of tensors) {
      if (sizeBytes <= init.maxBytes) break
      tensors.delete(oldest)
      sizeBytes -= old.byteLength
    }
  }

  return {
    sizeBytes: () => sizeBytes,
    clear() {
      tensors.clear()
      models.clear()
      sizeBytes = 0
    },
    open(modelDir) {
      const modelPath = path.join(modelDir, MODEL_FILE)
      // Directories are named by content; where one was written anew nothing of the former is used.
      const { size, mtimeMs, ino } = statSync(modelPath)
      const stamp = `${size} ${mtimeMs} ${ino}`
      const known = models.get(modelPath)
      const { infos } = known?.stamp === stamp ? known : { infos: structureOf(modelPath) }
      models.set(modelPath, { stamp, infos })
      return {
        infos,
        read(name) {
          const key = `${modelPath}\0${stamp}\0${name}`
          const cached = tensors.get(key)
          if (cached !== undefined) {
            tensors.delete(key)
            tensors.set(key, cached)
            return cached
          }
          using model = openModel(modelPath)
          const values = model.readTensor(infos.get(name)!)
          keep(key, values)
          return values
        },
      }
    },
  }
}
