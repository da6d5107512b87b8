/**
 * Job kind `geometry`: what can be measured of models without a suite. A task for each model, and one for each further model
 * to compare it with the first. What comes out is the job's result; no model is changed.
 */

import path from 'node:path'
import type { JobContext, JobKind, PlannedTask, TaskResult } from '../../compute/jobs/job.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { formatOf } from '../../compute/models/weight-source.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { type GeometryParams, parseGeometryParams } from './geometry-params.ts'
import type { GeometryComponents, GeometryTask } from './geometry-task.ts'

/** Beside the model itself: texts, activations and matrices of a layer. */
const WORKING_BYTES = 512 * 2 ** 20

interface Named {
  readonly id: string
  readonly cid: string
  readonly sizeBytes: number
}

export function geometryJob({ pool }: GeometryComponents): JobKind {
  return {
    kind: 'geometry',
    parseParams: parseGeometryParams,
    async plan(given, context) {
      const { models, ...wish } = given as GeometryParams
      await pool.run('geometry.texts', { data: wish.data, texts: wish.texts }, { signal: context.signal })
      const found: Named[] = []
      for (const id of models) found.push(await measurable(id, context))
      const [first] = found
      const task = (named: readonly Named[], label: string): PlannedTask => {
        const memoryBytes = WORKING_BYTES + 2 * named.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
        const params = { models: named.map(({ cid }) => cid), memoryBytes, wish } as GeometryTask
        return { kind: 'geometry', params, after: [], label }
      }
      return [
        ...found.map((model) => task([model], `measure ${model.id}`)),
        ...found.slice(1).map((model) => task([first!, model], `compare ${first!.id} with ${model.id}`)),
      ]
    },
    async assemble(given, results) {
      const { models, data, ...options } = given as GeometryParams
      const measured: JsonObject[] = []
      const pairs: JsonObject[] = []
      for (const [index, result] of results.entries()) {
        const report = await reportOf(result)
        const { models: cids } = result.task.params as GeometryTask
        if (index < models.length) measured.push({ model: models[index]!, cid: cids[0]!, ...report })
        else pairs.push({ first: models[0]!, second: models[index - models.length + 1]!, ...report })
      }
      // A path says nothing about a model, its last part may.
      return { ...options, data: data === null ? null : path.basename(data), models: measured, pairs }
    },
  }
}

const reportOf = async (result: TaskResult): Promise<JsonObject> =>
  JSON.parse(new TextDecoder().decode(await result.read())) as JsonObject

async function measurable(id: string, { models, artifacts, modelsDirectory }: JobContext): Promise<Named> {
  const model = await models.need(id)
  const fields = { model: model.id, cid: model.cid }
  if (model.kind === 'adapter')
    throw new VillageError(
      'GEOMETRY_MODEL_UNSUITABLE',
      `"${model.id}" is an adapter: it has no weights of its own`,
      {
        fields,
      },
    )
  if (!(await artifacts.has(model.cid)))
    throw new VillageError('ARTIFACT_MISSING', `The files of the model "${model.id}" are not on this node`, {
      fields,
    })
  const directory = await artifacts.materialize(model.cid, modelsDirectory)
  if (formatOf(path.join(directory, MODEL_FILE)) === 'packed')
    throw new VillageError(
      'GEOMETRY_MODEL_UNSUITABLE',
      `"${model.id}" is packed; measure the runnable model that came with it`,
      { fields },
    )
  return { id: model.id, cid: model.cid, sizeBytes: model.sizeBytes }
}
