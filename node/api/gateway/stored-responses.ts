/**
 * Responses that clients come back to: encrypted, each for whoever made it alone, for 30 days. A response holds its own input and output
 * and the id of the one before it, so that one that is deleted is gone from every conversation.
 */
import type { Asker } from '../../agents/asker.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { SealedStore } from '../../sealed-store.ts'

export interface StoredResponse {
  readonly response: JsonObject
  /** Items of this request alone. */
  readonly input: readonly JsonObject[]
}

type Owner = Pick<Asker, 'kind' | 'id'>

export interface StoredResponses {
  put(owner: Owner, stored: StoredResponse): Promise<void>
  /** Throws RESPONSE_UNKNOWN, also for those of others. */
  need(owner: Owner, id: string, field?: string): Promise<StoredResponse>
  /** Items of the conversation up to and with the response, oldest first. Throws RESPONSE_UNKNOWN where a part of it is gone. */
  conversation(owner: Owner, id: string): Promise<JsonObject[]>
  /** Throws RESPONSE_UNKNOWN. */
  remove(owner: Owner, id: string): Promise<void>
  /** All of one owner. */
  forget(owner: Owner): Promise<void>
}

export const RESPONSES_MAX_AGE_MS = 30 * 86_400_000
const VERSION = 1
const RESPONSE_ID = /^resp_[0-9a-f]{32}$/
/** Responses in one conversation. */
const MAX_CHAIN = 1_024

const prefixOf = ({ kind, id }: Owner) => `${kind}.${id}/`

export function createStoredResponses(
  components: { sealed: Pick<SealedStore, 'put' | 'getJson' | 'delete' | 'list'> },
  init: { now?: () => number } = {},
): StoredResponses {
  const { sealed } = components
  const now = init.now ?? Date.now

  async function dropOld(): Promise<void> {
    // In the order of their last put: oldest first.
    for (const { id, updatedAtMs } of sealed.list()) {
      if (updatedAtMs > now() - RESPONSES_MAX_AGE_MS) return
      await sealed.delete(id)
    }
  }

  function unknown(id: string, field: string): VillageError {
    return new VillageError('RESPONSE_UNKNOWN', undefined, { fields: { field, id: id.slice(0, 64) } })
  }

  async function need(owner: Owner, id: string, field = 'params.id'): Promise<StoredResponse> {
    await dropOld()
    const record = RESPONSE_ID.test(id) ? await sealed.getJson(`${prefixOf(owner)}${id}`) : null
    if (!isJsonObject(record)) throw unknown(id, field)
    return { response: record.response as JsonObject, input: record.input as readonly JsonObject[] }
  }

  return {
    async put(owner, { response, input }) {
      await dropOld()
      await sealed.put(`${prefixOf(owner)}${String(response.id)}`, { version: VERSION, response, input })
    },
    need,
    async conversation(owner, id) {
      const parts: (readonly JsonObject[])[] = []
      let next: string | null = id
      while (next !== null) {
        if (parts.length === MAX_CHAIN) throw new VillageError('CONTEXT_TOO_LONG')
        const found: StoredResponse = await need(owner, next, 'previous_response_id')
        parts.push([...found.input, ...(found.response.output as readonly JsonObject[])])
        next = found.response.previous_response_id as string | null
      }
      return parts.reverse().flat()
    },
    async remove(owner, id) {
      await need(owner, id)
      if (!(await sealed.delete(`${prefixOf(owner)}${id}`))) throw unknown(id, 'params.id')
    },
    async forget(owner) {
      for (const { id } of sealed.list()) if (id.startsWith(prefixOf(owner))) await sealed.delete(id)
    },
  }
}
