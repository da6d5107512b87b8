/**
 * Task kind `geometry`: one model measured, or two compared, on the node that owns the job and nowhere else: the texts may be
 * private. The output is the measurements as JSON.
 */
import type { Pool } from '../../compute/pool.ts'
import { readParams } from '../../compute/tasks/read-params.ts'
import type { TaskKind } from '../../compute/tasks/task.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { type GeometryWish, readWish } from './geometry-params.ts'
import type { GEOMETRY_OPERATIONS } from './operations.ts'

export interface GeometryTask extends JsonObject {
  /** CIDs: one model to measure, or two to compare. */
  readonly models: readonly string[]
  readonly memoryBytes: number
  readonly wish: GeometryWish
}

/** Of a report: numbers by matrix and layer. */
const MAX_OUTPUT_BYTES = 4 * 2 ** 20

export interface GeometryComponents {
  readonly pool: Pick<Pool<typeof GEOMETRY_OPERATIONS>, 'run'>
}

export function geometryTask({ pool }: GeometryComponents): TaskKind {
  return {
    kind: 'geometry',
    check: 'verify',
    ownerOnly: true,
    parseParams(input): GeometryTask {
      const reader = readParams(input)
      const models = reader.texts('models', 2, 128)
      const memoryBytes = reader.integer('memoryBytes', 0, Number.MAX_SAFE_INTEGER)
      const nested = readParams(reader.object('wish'))
      const wish = readWish(nested)
      nested.end()
      reader.end()
      return { models, memoryBytes, wish }
    },
    inputs: (params) => [...(params as GeometryTask).models],
    estimate: (params) => ({
      memoryBytes: (params as GeometryTask).memoryBytes,
      cost: 1,
      maxOutputBytes: MAX_OUTPUT_BYTES,
    }),
    async run(params, context) {
      const { models, wish } = params as GeometryTask
      const { artifacts, modelsDirectory, signal, progress } = context
      if (context.local === undefined)
        throw new VillageError('TASK_KIND_UNKNOWN', 'Geometry is measured only where its texts are')
      const directories: string[] = []
      for (const cid of models) directories.push(await artifacts.materialize(cid, modelsDirectory))
      const [firstDirectory, secondDirectory] = directories
      const from = { data: wish.data, texts: wish.texts }
      const options = { signal, onProgress: progress }
      const { bootstrap, seed, barrierPoints } = wish
      const report =
        secondDirectory === undefined
          ? await pool.run(
              'geometry.model',
              { modelDirectory: firstDirectory!, workDirectory: modelsDirectory, from, bootstrap, seed },
              options,
            )
          : await pool.run(
              'geometry.pair',
              {
                firstDirectory: firstDirectory!,
                secondDirectory,
                workDirectory: modelsDirectory,
                from,
                barrierPoints,
              },
              options,
            )
      return { bytes: new TextEncoder().encode(JSON.stringify(report)), stats: {} }
    },
    async inspect() {
      throw new VillageError('RESULT_INVALID', 'Geometry is never the work of a peer')
    },
    async verify() {
      throw new VillageError('RESULT_INVALID', 'Geometry is never the work of a peer')
    },
    agree: (a, b) => Buffer.compare(a.bytes, b.bytes) === 0,
  }
}
