/** The OpenAI-compatible servers of the configuration, and the models that they list. */
import { toVillageError, VillageError } from '../../errors.ts'
import { isJsonObject, type JsonValue } from '../../json.ts'
import type { ChatModel } from './chat-model.ts'
import { createEndpointHttp, type EndpointHttp, type EndpointHttpInit } from './endpoint-http.ts'

export interface EndpointModelInfo {
  readonly model: string
  readonly contextTokens: number | null
}

export interface Endpoint {
  readonly name: string
  readonly place: ChatModel['place']
  readonly http: EndpointHttp
  /** Asked anew after a minute. Throws CHAT_ENDPOINT_FAILED and the signal's reason. */
  models(signal: AbortSignal): Promise<readonly EndpointModelInfo[]>
  close(): void
}

export interface EndpointsInit {
  /** `name=url` each, as agents.endpoints has them, which has checked their form. */
  readonly endpoints: readonly string[]
  /** Keys are `VILLAGE_ENDPOINT_KEY_<NAME>`; a dash of the name is an underscore. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly patience?: Partial<Pick<EndpointHttpInit, 'firstByteMs' | 'stallMs' | 'maxBytes'>>
  readonly now?: () => number
}

const FIRST_BYTE_MS = 600_000
const STALL_MS = 60_000
const MAX_BYTES = 64 * 2 ** 20
const MAX_LIST_BYTES = 2 ** 20
const MAX_MODELS = 1_000
const LISTED_FOR_MS = 60_000
const FAILED_FOR_MS = 10_000
const LIST_MS = 10_000
/** What a model of a server may be called: no control characters, no blanks. */
const MODEL_NAME = /^[^\p{C}\p{Z}]{1,200}$/u
/** Whether a server may be asked for it: what is not, goes into no request, event or metric. */
export const isModelName = (name: string): boolean => MODEL_NAME.test(name) && !name.split('/').includes('..')
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
/** Where servers say how much a model takes: vLLM, OpenRouter, and the metadata of llama.cpp. */
const CONTEXT_FIELDS = ['max_model_len', 'context_length', 'n_ctx'] as const

/** Where the key of an endpoint stands in the environment. */
export const endpointKeyName = (name: string): string =>
  `VILLAGE_ENDPOINT_KEY_${name.toUpperCase().replaceAll('-', '_')}`

export function createEndpoints(init: EndpointsInit): ReadonlyMap<string, Endpoint> {
  const { now = Date.now, environment } = init
  return new Map(
    init.endpoints.map((given) => {
      const at = given.indexOf('=')
      const [name, url] = [given.slice(0, at), given.slice(at + 1)]
      const key = environment[endpointKeyName(name)] ?? null
      const place = LOOPBACK.test(new URL(url).hostname) ? 'local' : 'remote'
      const http = createEndpointHttp({
        // What goes to this machine is not shown to a proxy: private texts go there, and the key.
        ...{ name, url, key, environment: place === 'local' ? {} : environment },
        ...{ firstByteMs: FIRST_BYTE_MS, stallMs: STALL_MS, maxBytes: MAX_BYTES },
        ...init.patience,
      })
      return [name, endpointOf({ name, place, http, now })]
    }),
  )
}

function endpointOf(init: {
  readonly name: string
  readonly place: ChatModel['place']
  readonly http: EndpointHttp
  readonly now: () => number
}): Endpoint {
  const { name, place, http, now } = init
  // Otherwise every request to a model of a server that lists none would wait for it first.
  let failed: { readonly atMs: number; readonly error: unknown } | null = null
  let listed: { readonly atMs: number; readonly models: readonly EndpointModelInfo[] } | null = null
  return {
    name,
    http,
    place,
    async models(signal) {
      if (listed !== null && now() - listed.atMs < LISTED_FOR_MS) return listed.models
      if (failed !== null && now() - failed.atMs < FAILED_FOR_MS) throw failed.error
      try {
        const models = await readModels(http, name, AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]))
        listed = { atMs: now(), models }
        failed = null
        return models
      } catch (error) {
        // Whoever went away says nothing of the server.
        if (!signal.aborted || toVillageError(signal.reason).code === 'TIMEOUT')
          failed = { atMs: now(), error }
        throw error
      }
    },
    close: () => http.close(),
  }
}

async function readModels(
  http: EndpointHttp,
  name: string,
  signal: AbortSignal,
): Promise<EndpointModelInfo[]> {
  const failed = (problem: string, cause?: unknown) =>
    new VillageError('CHAT_ENDPOINT_FAILED', `The endpoint "${name}" ${problem}`, {
      cause,
      fields: { endpoint: name },
    })
  const answer = await http.request('/models', { accept: 'application/json', signal })
  try {
    if (answer.status !== 200)
      throw failed(`answers with the status ${answer.status} when asked for its models`)
    const parts: Uint8Array[] = []
    let sizeBytes = 0
    for await (const part of answer.body) {
      sizeBytes += part.byteLength
      if (sizeBytes > MAX_LIST_BYTES) throw failed('lists too much')
      parts.push(part)
    }
    return modelsIn(JSON.parse(Buffer.concat(parts).toString('utf8')) as JsonValue)
  } catch (error) {
    throw error instanceof SyntaxError
      ? failed('lists its models in something that is no JSON', error)
      : error
  } finally {
    answer.discard()
  }
}

/** What is odd in a list is left out. */
function modelsIn(json: JsonValue): EndpointModelInfo[] {
  const data = isJsonObject(json) && Array.isArray(json.data) ? (json.data as readonly JsonValue[]) : []
  return data.slice(0, MAX_MODELS).flatMap((one): EndpointModelInfo[] => {
    if (!isJsonObject(one) || typeof one.id !== 'string' || !MODEL_NAME.test(one.id)) return []
    const meta = isJsonObject(one.meta) ? one.meta : {}
    const context = CONTEXT_FIELDS.map((field) => one[field] ?? meta[field]).find(
      (value) => Number.isSafeInteger(value) && (value as number) > 0,
    )
    return [{ model: one.id, contextTokens: typeof context === 'number' ? context : null }]
  })
}
