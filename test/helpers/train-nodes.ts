/** Nodes that train, and what they made. */
import path from 'node:path'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import { openModel } from '../../node/compute/onnx/read.ts'
import type { JsonObject } from '../../node/json.ts'
import { patientSignal } from '../runner/deadline.ts'
import type { JobNode } from './job-nodes.ts'
import { writeTinySource } from './language-models.ts'
import { temporaryDirectory } from './mesh.ts'
import { writeTrainingText } from './training-data.ts'

const WAIT_MS = 60_000
export const signal = () => patientSignal(WAIT_MS)

/** Small enough to be quick; eight documents in ten are learned. */
export const QUICK = {
  length: 16,
  batch: 4,
  steps: 12,
  heldOut: 0.2,
  learningRate: 0.01,
  evaluateEvery: 4,
  seed: 1,
}

/** Adds the model `tiny`, and writes a text. */
export async function withModel(node: JobNode): Promise<{ data: string; directory: string }> {
  const directory = await temporaryDirectory()
  const source = path.join(directory, 'tiny')
  writeTinySource(source, 'llama')
  await node.models.add({ path: source, id: 'tiny' })
  return { data: writeTrainingText(path.join(directory, 'text.txt')), directory }
}

/** A training that has to succeed. */
export async function trained(node: JobNode, params: JsonObject): Promise<JobSummary> {
  const { id } = await node.jobs.submit({ kind: 'train', params })
  const job = await node.jobs.wait(id, { signal: signal() })
  assert.is(job.state, 'done', JSON.stringify(job.error))
  return job
}

export async function directoryOf(node: JobNode, id: string): Promise<string> {
  const { cid } = await node.models.need(id)
  return node.artifacts.materialize(cid, path.join(await temporaryDirectory(), 'models'))
}

export function weightsOf(directory: string): Map<string, Float32Array> {
  using model = openModel(path.join(directory, 'model.onnx'))
  const named = [...model.graph.initializers.values()].filter(({ name }) => /\.(weight|bias)$/.test(name))
  return new Map(named.map((tensor) => [tensor.name, model.readTensor(tensor)]))
}
