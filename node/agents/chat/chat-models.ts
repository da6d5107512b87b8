/** The models that can be talked to: language models of the registry, and those of the endpoints of the configuration. */
import type { Generation } from '../../compute/generate/generation.ts'
import type { Models } from '../../compute/models/registry.ts'
import type { Config } from '../../config.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { nearest } from '../../nearest.ts'
import type { ChatModel } from './chat-model.ts'
import { createEndpoints, type EndpointsInit, isModelName } from './endpoints.ts'
import { type LocalFacts, readLocalFacts } from './local-facts.ts'

export interface ChatModelInfo {
  /** As need() takes it. */
  readonly id: string
  readonly place: ChatModel['place']
  readonly contextTokens: number | null
  /** A model without a chat template: it was never trained to talk. */
  readonly isExperimental: boolean
}

export interface ChatModels extends Service {
  /** Own models first. An endpoint that does not answer has none here; the log says so. */
  list(signal: AbortSignal): Promise<ChatModelInfo[]>
  /**
   * By id or CID of the registry, or `endpoint/model`. Throws CHAT_MODEL_UNKNOWN, MODEL_NOT_LANGUAGE, ARTIFACT_MISSING, MODEL_CARD_INVALID,
   * CHAT_TEMPLATE_FAILED.
   */
  need(id: string): Promise<ChatModel>
}

interface Components {
  readonly models: Pick<Models, 'list' | 'get'>
  readonly artifacts: Pick<Artifacts, 'read'>
  readonly generation: Pick<Generation, 'generate'>
  readonly log: Log
}

interface Init {
  readonly config: Pick<Config, 'agents.endpoints'>
  readonly environment: EndpointsInit['environment']
  readonly patience?: EndpointsInit['patience']
}

/** Facts of so many models are kept at hand. */
const MAX_KNOWN = 256
const LIST_MS = 3_000

export function createChatModels(components: Components, init: Init): ChatModels {
  const { models, artifacts, generation, log } = components
  const { environment, patience } = init
  const endpoints = createEndpoints({
    endpoints: init.config['agents.endpoints'],
    environment,
    ...(patience !== undefined && { patience }),
  })
  const known = new Map<string, LocalFacts>()
  const warned = new Set<string>()

  async function factsOf(entry: { readonly cid: string }): Promise<LocalFacts> {
    const before = known.get(entry.cid)
    if (before !== undefined) return before
    const facts = await readLocalFacts({ artifacts }, entry)
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!)
    known.set(entry.cid, facts)
    return facts
  }

  async function localInfos(): Promise<ChatModelInfo[]> {
    const language = (await models.list()).filter(({ kind }) => kind === 'language')
    const infos: ChatModelInfo[] = []
    for (const entry of language)
      try {
        const { contextTokens, hasTemplate } = await factsOf(entry)
        infos.push({ id: entry.id, place: 'local', contextTokens, isExperimental: !hasTemplate })
      } catch (error) {
        log.debug({ err: error, model: entry.id }, 'a language model cannot be talked to')
      }
    return infos
  }

  async function endpointInfos(signal: AbortSignal): Promise<ChatModelInfo[]> {
    const lists = [...endpoints.values()].map(async (endpoint): Promise<ChatModelInfo[]> => {
      const { name, place } = endpoint
      try {
        const listed = await endpoint.models(AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]))
        return listed.map(({ model, contextTokens }) => ({
          id: `${name}/${model}`,
          place,
          contextTokens,
          isExperimental: false,
        }))
      } catch (error) {
        signal.throwIfAborted()
        log.warn({ endpoint: name, code: toVillageError(error).code }, 'an endpoint does not list its models')
        return []
      }
    })
    return (await Promise.all(lists)).flat()
  }

  /** What an endpoint says of the model where it says anything: the model may be there all the same. */
  async function contextOf(endpointName: string, model: string): Promise<number | null> {
    const listed = await endpoints
      .get(endpointName)!
      .models(AbortSignal.timeout(LIST_MS))
      .catch((error: unknown) => {
        log.debug({ err: error, endpoint: endpointName }, 'an endpoint does not list its models')
        return []
      })
    return listed.find((one) => one.model === model)?.contextTokens ?? null
  }

  async function unknown(id: string): Promise<VillageError> {
    const names = [
      ...(await models.list()).filter(({ kind }) => kind === 'language').map((entry) => entry.id),
    ]
    const meant = nearest(id, [...names, ...[...endpoints.keys()].map((name) => `${name}/`)])
    const hint = meant === null ? '' : `; did you mean "${meant}"?`
    return new VillageError(
      'CHAT_MODEL_UNKNOWN',
      `There is no model "${id.slice(0, 256)}" to talk to${hint}`,
      {
        fields: { model: id.slice(0, 256), suggestion: meant },
      },
    )
  }

  return {
    name: 'chat-models',
    async start() {
      // Nothing is asked before somebody asks.
    },
    async stop() {
      for (const endpoint of endpoints.values()) endpoint.close()
    },
    list: async (signal) => [...(await localInfos()), ...(await endpointInfos(signal))],
    async need(id) {
      const slash = id.indexOf('/')
      const endpoint = slash > 0 ? endpoints.get(id.slice(0, slash)) : undefined
      if (endpoint !== undefined && isModelName(id.slice(slash + 1))) {
        const { name, place, http } = endpoint
        const model = id.slice(slash + 1)
        const { createEndpointModel } = await import('./endpoint-model.ts')
        return createEndpointModel(
          { http },
          { endpoint: name, model, place, contextTokens: await contextOf(name, model) },
        )
      }
      const entry = slash > 0 ? null : await models.get(id)
      if (entry === null) throw await unknown(id)
      if (entry.kind !== 'language')
        throw new VillageError('MODEL_NOT_LANGUAGE', `"${entry.id}" is of the kind ${entry.kind}`, {
          fields: { model: entry.id, kind: entry.kind },
        })
      const facts = await factsOf(entry)
      if (!facts.hasTemplate && !warned.has(entry.cid)) {
        warned.add(entry.cid)
        log.warn(
          { model: entry.id },
          'a model without a chat template is talked to: it was not trained for it',
        )
      }
      const { createLocalModel } = await import('./local-model.ts')
      return createLocalModel({ generation }, { id: entry.id, facts })
    },
  }
}
