/** What `model` of a request may name: agents, language models of this node and of endpoints, and sentence encoders for embeddings. */
import type { Models } from '../../compute/models/registry.ts'
import { VillageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import { AGENT_NAMES } from './run-turn.ts'

export interface ModelListComponents {
  readonly chatModels: { list(signal: AbortSignal): Promise<readonly { readonly id: string }[]> }
  readonly models: Pick<Models, 'list'>
  /** When the daemon was started: agents and models of endpoints are as old. */
  readonly startedAtMs: number
}

export interface ModelView {
  readonly id: string
  readonly object: 'model'
  /** Unix time in seconds. */
  readonly created: number
  /** `village`: an agent. `local`: a model of this node. Else the name of an endpoint. */
  readonly owned_by: string
}

export async function listModels(
  { chatModels, models, startedAtMs }: ModelListComponents,
  signal: AbortSignal,
): Promise<ModelView[]> {
  const added = new Map((await models.list()).map((entry) => [entry.id, entry]))
  const view = (id: string, owner: string): ModelView => ({
    id,
    object: 'model',
    created: Math.floor((added.get(id)?.addedAtMs ?? startedAtMs) / 1000),
    owned_by: owner,
  })
  const spoken = (await chatModels.list(signal)).filter(({ id }) => !AGENT_NAMES.includes(id))
  const encoders = [...added.values()].filter(({ kind }) => kind === 'encoder')
  return [
    ...AGENT_NAMES.map((name) => view(name, 'village')),
    ...spoken.map(({ id }) => view(id, added.has(id) ? 'local' : (id.split('/')[0] ?? id))),
    ...encoders.map(({ id }) => view(id, 'local')),
  ]
}

/** Throws CHAT_MODEL_UNKNOWN. */
export async function findModel(
  components: ModelListComponents,
  id: string,
  signal: AbortSignal,
): Promise<ModelView> {
  const all = await listModels(components, signal)
  const found = all.find((model) => model.id === id)
  if (found !== undefined) return found
  const near = nearest(
    id,
    all.map((model) => model.id),
  )
  throw new VillageError(
    'CHAT_MODEL_UNKNOWN',
    `There is no model ${id.slice(0, 128)}${near === null ? '' : `; did you mean "${near}"?`}`,
    { fields: { field: 'model' } },
  )
}
