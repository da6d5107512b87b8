/**
 * The onnxruntime session of a language model.
 *
 * A cache of keys and values is given to the graph as past and as preallocated present, so that its kernels write into it.
 * onnxruntime-node 1.30 then copies every fetched output into a new array, preallocated or not: of a cache that is all of it,
 * each step, whatever is used of it (0.62 ms a token at a capacity of 1,024 against 0.12 without, for 2.6 MB). It cannot be
 * told to leave that out. But it gives outputs back in the graph's order and stops at the first that has no array form, after
 * everything was computed and written: so the graph gets a first output of such a type, an empty sequence, as it is read
 * (runtime-graph.ts). The file stays as it is.
 */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { openModel } from '../onnx/read.ts'
import { readRuntimeGraph, SENTINEL } from './runtime-graph.ts'

export type Ort = typeof import('onnxruntime-node')
export type Tensors = Record<string, Tensor>

export interface LanguageSession {
  readonly ort: Ort
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Bytes of the model's files. */
  readonly sizeBytes: number
  /** Computes the outputs that are named by `fetches` into its tensors. Throws SESSION_FAILED. */
  runInto(feeds: Tensors, fetches: Tensors): Promise<void>
  /** Computes and returns outputs. Throws SESSION_FAILED. */
  run(feeds: Tensors, outputs: readonly string[]): Promise<Tensors>
  release(): Promise<void>
}

/** What onnxruntime-node says of an output that it has no array for: everything was computed by then. */
const NO_ARRAY = 'Non tensor type is temporarily not supported.'

const failed = (what: string, cause: unknown) =>
  new VillageError('SESSION_FAILED', `onnxruntime could not ${what} the model.`, { cause })

/**
 * Loads model.onnx of a directory. `inPlace` makes runInto() available, for graphs whose outputs are all preallocated. The
 * file is first read by openModel: onnxruntime never sees one that is not well formed or reaches outside its directory.
 */
export async function openLanguageSession(
  modelDir: string,
  init: { threads: number; inPlace: boolean; adapters: boolean },
): Promise<LanguageSession> {
  const modelPath = join(modelDir, MODEL_FILE)
  const sizeBytes = checkModel(modelPath)
  const { default: ort } = await import('onnxruntime-node')
  const options: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: init.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // Prompts differ in length: patterns and arenas would keep the largest of each.
    enableMemPattern: false,
    enableCpuMemArena: false,
    logSeverityLevel: 4,
  }
  let session: InferenceSession
  try {
    if (init.inPlace) {
      const bytes = readRuntimeGraph(modelPath, init)
      const extra = { session: { model_external_initializers_file_folder_path: dirname(modelPath) } }
      session = await ort.InferenceSession.create(bytes, { ...options, extra })
    } else session = await ort.InferenceSession.create(modelPath, options)
  } catch (error) {
    throw failed('load', error)
  }

  return {
    ort,
    inputNames: session.inputNames,
    outputNames: session.outputNames.filter((name) => name !== SENTINEL),
    sizeBytes,
    async runInto(feeds, fetches) {
      try {
        // The types have no null for "allocate it", though it is what the library documents.
        await session.run(feeds, { [SENTINEL]: null as unknown as Tensor, ...fetches })
      } catch (error) {
        if ((error as Error).message !== NO_ARRAY) throw failed('run', error)
      }
      // A version that does give the sequence back has copied the outputs as well: as right as before, and slower.
    },
    async run(feeds, outputs) {
      try {
        const results = await session.run(feeds, outputs)
        // Language models have no outputs but tensors.
        return results as Tensors
      } catch (error) {
        throw failed('run', error)
      }
    },
    release: () => session.release(),
  }
}

/** Bytes of the model's files. */
function checkModel(modelPath: string): number {
  using model = openModel(modelPath)
  return model.externalFiles.reduce((sum, file) => sum + statSync(file).size, model.sizeBytes)
}
