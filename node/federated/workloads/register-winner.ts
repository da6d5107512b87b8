/** A winner becomes an artifact, and on members that want it a model of their registry. */
import path from 'node:path'
import type { ModelKind } from '../../compute/models/import/import-model.ts'
import { withCandidateDirectory } from './candidate-directory.ts'
import type { WorkloadContext } from './workload.ts'

interface Winner {
  readonly id: string
  readonly pin: string
  readonly kind: ModelKind
  readonly title: string
  readonly source: string
  /** CID of the model that it was made from. */
  readonly parent: string
  readonly parameters: number
}

export interface BuiltWinner {
  readonly cid: string
  /** Returns the id, with a number behind it where it was taken. */
  register(): Promise<string>
}

async function register(
  context: WorkloadContext,
  init: Winner,
  stored: { readonly cid: string; readonly sizeBytes: number },
  packed: { readonly cid: string; readonly sizeBytes: number } | null,
): Promise<string> {
  const { id, kind, title, source, parameters } = init
  const parent = await context.models.get(init.parent)
  const entry = await context.models.register({
    id,
    ...stored,
    name: title,
    kind,
    parameters,
    source,
    parent: parent?.id ?? null,
    report: packed === null ? null : { packed: { ...packed } },
    keeps: packed === null ? [] : [packed.cid],
  })
  return entry.id
}

/** A model that runs as it is. */
export async function addWinner(
  context: WorkloadContext,
  directory: string,
  init: Winner,
  signal: AbortSignal,
): Promise<BuiltWinner> {
  const { id: name, pin } = init
  const { cid, sizeBytes } = await context.artifacts.addPath(directory, { name, pin, signal })
  return { cid, register: () => register(context, init, { cid, sizeBytes }, null) }
}

/**
 * A packed model: the packed form is what all members agree on and what moves; who registers it makes one that runs of it, as
 * compression jobs do.
 */
export async function addPackedWinner(
  context: WorkloadContext,
  directory: string,
  init: Winner,
  signal: AbortSignal,
): Promise<BuiltWinner> {
  const { artifacts, pool, modelsDirectory, workDirectory } = context
  const { id, pin } = init
  const { cid, sizeBytes } = await artifacts.addPath(directory, { name: `${id}.packed`, pin, signal })
  return {
    cid,
    register: () =>
      withCandidateDirectory(workDirectory, async (work) => {
        const packedDir = await artifacts.materialize(cid, modelsDirectory)
        const outDir = path.join(work, 'model')
        await pool.run('packed.unpack', { packedDir, outDir, runtime: 'int8' })
        const runnable = await artifacts.addPath(outDir, { name: id, pin })
        const stored = { cid: runnable.cid, sizeBytes: runnable.sizeBytes }
        return register(context, init, stored, { cid, sizeBytes })
      }),
  }
}
