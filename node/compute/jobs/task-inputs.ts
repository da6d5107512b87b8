/** What a task needs before it can run: its inputs on this node, and memory for them. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Resources } from '../resources.ts'
import type { TaskKind } from '../tasks/task.ts'

const FETCH_TIMEOUT_MS = 600_000

/** Fetches what is not here from `owner`, pinned for it; `fetched` grows by what was. */
export async function fetchInputs(
  artifacts: Pick<Artifacts, 'fetch' | 'has'>,
  task: { readonly kind: TaskKind; readonly params: JsonObject },
  init: { readonly owner: string; readonly fetched: Set<string>; readonly signal: AbortSignal },
): Promise<void> {
  const { owner, fetched } = init
  for (const cid of task.kind.inputs(task.params)) {
    if (fetched.has(cid) || (await artifacts.has(cid))) continue
    const signal = AbortSignal.any([init.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
    await artifacts.fetch(cid, { signal, providers: [owner], pin: `work:${owner}` })
    fetched.add(cid)
  }
}

/** With its inputs counted, as far as this node knows how large they are. */
export async function memoryNeeded(
  artifacts: Pick<Artifacts, 'info'>,
  { kind, params }: { readonly kind: TaskKind; readonly params: JsonObject },
): Promise<number> {
  let inputBytes = 0
  for (const cid of kind.inputs(params)) inputBytes += (await artifacts.info(cid))?.sizeBytes ?? 0
  return kind.estimate(params, inputBytes).memoryBytes
}

/**
 * Once more when the inputs are here: a task of a large model takes more than its parameters show. Throws RESOURCES_INSUFFICIENT.
 */
export async function checkMemory(
  artifacts: Pick<Artifacts, 'info'>,
  resources: Pick<Resources, 'limits'>,
  task: { readonly kind: TaskKind; readonly params: JsonObject },
): Promise<void> {
  const memoryBytes = await memoryNeeded(artifacts, task)
  const limitBytes = resources.limits().memoryBytes
  if (memoryBytes > limitBytes)
    throw new VillageError('RESOURCES_INSUFFICIENT', undefined, { fields: { memoryBytes, limitBytes } })
}
