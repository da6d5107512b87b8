/** What the build of a `compress` job needs of a slice and can have before all slices are there: the form that it runs in. */
import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import { codecByName } from '../codecs/table.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import type { PreparedSlice } from '../models/prepared-slices.ts'
import type { CompressTask } from '../tasks/compress-task.ts'
import type { CompressParams } from './compress-params.ts'
import type { JobContext, TaskResult } from './job.ts'

/** Before the owner's own slices, which take a hundred times longer: otherwise it would come behind all of them. */
const PREPARE_PRIORITY = 1

/** Null for slices that the build reads as they are: on a grid of their own, or run as floats, which would fill the disk. */
export async function prepareResult(
  { runtime }: CompressParams,
  { task, read }: Pick<TaskResult, 'task' | 'read'>,
  context: Pick<JobContext, 'artifacts' | 'pool' | 'modelsDirectory' | 'signal'> & { readonly file: string },
): Promise<PreparedSlice | null> {
  if (task.kind !== 'compress' || runtime !== 'int8') return null
  const { model, tensor, codec, codebook } = task.params as CompressTask
  if (codecByName(codec).runsAsGrid) return null
  const { artifacts, pool, modelsDirectory, signal, file } = context
  const written = (cid: string): Promise<string> => artifacts.materialize(cid, modelsDirectory)
  const input = {
    modelPath: path.join(await written(model), MODEL_FILE),
    name: tensor,
    packed: await read(),
    // Absent in plans of daemons before codebooks.
    codebook: (codebook ?? null) === null ? null : await written(codebook!),
    outPath: file,
  }
  return pool.run('slice.prepare', input, { signal, priority: PREPARE_PRIORITY })
}

/** What prepareResult() made of a slice. */
export const preparedOf = ({ ahead }: Pick<TaskResult, 'ahead'>): PreparedSlice | null =>
  ahead as (PreparedSlice & JsonObject) | null
