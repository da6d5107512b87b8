/** One loaded training graph: written to a temporary file, loaded, and the file removed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import { type ModelSpec, writeModel } from '../onnx/write.ts'

export type Tensors = Readonly<Record<string, Tensor>>

export interface GraphSession {
  /** Runs the graph; the outputs are written into the tensors of `outputs`. Throws SESSION_FAILED. */
  run(inputs: Tensors, outputs: Tensors): Promise<void>
  close(): Promise<void>
}

export async function loadGraphSession(spec: ModelSpec, threads: number): Promise<GraphSession> {
  const { default: ort } = await import('onnxruntime-node')
  const directory = mkdtempSync(join(tmpdir(), 'village-train-'))
  let session: InferenceSession
  try {
    const path = join(directory, 'graph.onnx')
    writeModel(path, spec)
    session = await ort.InferenceSession.create(path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // What one run frees, the next takes again. A plan for all of it as one block would double the memory: the arena of
      // the first run, before there is a plan, stays.
      enableCpuMemArena: true,
      enableMemPattern: false,
      // Threads sleep between operators instead of spinning: where others work on the machine too, that is faster, and while
      // this thread updates the weights nothing burns.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 4,
    })
  } catch (error) {
    throw new VillageError('SESSION_FAILED', 'onnxruntime could not load the training graph.', {
      cause: error,
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  let closed = false
  return {
    async run(inputs, outputs) {
      const feeds = Object.fromEntries(session.inputNames.map((name) => [name, inputs[name]!]))
      try {
        await session.run(feeds, outputs)
      } catch (error) {
        throw new VillageError('SESSION_FAILED', 'onnxruntime could not run the training graph.', {
          cause: error,
        })
      }
    },
    async close() {
      if (closed) return
      closed = true
      await session.release()
    },
  }
}
