/** One pull from its beginning, or from where it was left, to a registered model. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { ModelEntry } from '../models/model-entry.ts'
import { idFromPath } from '../models/model-ids.ts'
import type { Models } from '../models/registry.ts'
import type { ModelShares } from '../models/shares.ts'
import { type HubModel, type Patience, readModel } from './hub-api.ts'
import type { HubHttp } from './hub-http.ts'
import type { StoredPull } from './pull-record.ts'

interface Components {
  readonly models: Pick<Models, 'add' | 'get'>
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'unpin' | 'usage'>
  readonly shares: Pick<ModelShares, 'find'>
  readonly http: (hub: string) => HubHttp
}

export interface RunPull {
  /** Of this pull alone; what has come of a commit stays below it. */
  readonly directory: string
  readonly modelsDirectory: string
  readonly patience: Patience
  readonly now: () => number
  readonly signal: AbortSignal
  /** The pull as it is; throws ABORTED when it was cancelled. */
  read(): StoredPull
  /** Changes it, for those who look. */
  change(fields: Partial<StoredPull>): void
  /** As change(), and it is on the disk when this resolves. */
  save(fields: Partial<StoredPull>): Promise<void>
}

/** Returns the id of the model. */
export function runPull(components: Components, pull: RunPull): Promise<string> {
  return pull.read().request.kind === 'hub' ? runHub(components, pull) : runVillage(components, pull)
}

async function runHub(components: Components, pull: RunPull): Promise<string> {
  const { patience, now, signal } = pull
  const { request, commit, files, model: before } = pull.read()
  const { name: repo, revision, hub } = request
  const http = components.http(hub)
  let model: HubModel
  if (commit !== null && files !== null) model = { repo, commit, files }
  else {
    model = await readModel({ http }, { hub, repo, revision, patience, now, signal })
    await pull.save({ commit: model.commit, files: model.files })
  }
  const source = `hub:${repo}@${model.commit}`
  // The same was pulled before, and the revision has not moved.
  if (before !== null && (await components.models.get(before))?.source === source) return before

  await checkId(components, request.id, (entry) => entry.source === source)

  const directory = path.join(pull.directory, model.commit)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // With the families of models that it can build: most nodes never pull.
  const { fetchModel } = await import('./hub-pull.ts')
  await fetchModel(
    { http },
    {
      request,
      model,
      directory,
      patience,
      now,
      signal,
      checkRoom: (totalBytes) => checkRoom(components, totalBytes),
      onTotal: (totalBytes) => pull.change({ totalBytes }),
      onProgress: (doneBytes) => pull.change({ doneBytes, stage: 'fetching' }),
    },
  )
  return add(components, pull, { directory, source, name: idFromPath(repo) })
}

async function runVillage(components: Components, pull: RunPull): Promise<string> {
  const { artifacts } = components
  const cid = pull.read().request.name
  const name = nameOfShare(components, cid)
  await checkId(components, pull.read().request.id, (entry) => entry.cid === cid)
  const pin = `pull:${pull.read().id}`
  await artifacts.fetch(cid, {
    signal: pull.signal,
    // Until it is a model nothing else keeps it from being collected.
    pin,
    onProgress: (doneBytes, totalBytes) => pull.change({ doneBytes, totalBytes, stage: 'fetching' }),
  })
  // A member may call anything a model: it is looked at as any directory is.
  try {
    const directory = await artifacts.materialize(cid, pull.modelsDirectory)
    return await add(components, pull, { directory, source: `village:${cid}`, name })
  } finally {
    await artifacts.unpin(cid, pin)
  }
}

async function add(
  { models }: Components,
  pull: RunPull,
  { directory, source, name }: { directory: string; source: string; name: string },
): Promise<string> {
  const { id, file, weightsOnly, adapters } = pull.read().request
  pull.change({ stage: 'adding', doneBytes: pull.read().totalBytes })
  const given = { path: directory, name, source, weightsOnly, adapters }
  const entry = await models.add(
    { ...given, ...(file === null ? {} : { file }), ...(id === null ? {} : { id }) },
    pull.signal,
  )
  return entry.id
}

/** Throws MODEL_ID_TAKEN before anything is fetched for nothing. */
async function checkId(
  { models }: Components,
  id: string | null,
  isSame: (entry: ModelEntry) => boolean,
): Promise<void> {
  const taken = id === null ? null : await models.get(id)
  if (taken === null || isSame(taken)) return
  throw new VillageError('MODEL_ID_TAKEN', `The id "${id}" belongs to another model`, { fields: { id } })
}

/** Its owner may have stopped to share it, or have left, while the daemon was down. */
function nameOfShare({ shares }: Components, cid: string): string {
  try {
    return shares.find(cid).id
  } catch (error) {
    if (error instanceof VillageError && error.code === 'SHARE_UNKNOWN') return 'model'
    throw error
  }
}

function checkRoom({ artifacts }: Components, totalBytes: number): void {
  const { sizeBytes, maxBytes } = artifacts.usage()
  if (sizeBytes + totalBytes <= maxBytes) return
  throw new VillageError('DISK_FULL', `The disk share has no room for ${totalBytes} bytes more`, {
    fields: { neededBytes: totalBytes, freeBytes: Math.max(0, maxBytes - sizeBytes) },
  })
}
