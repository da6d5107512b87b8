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
  /** Its output may quote what is private on this node. */
  readonly isPrivate: boolean
}

type Owner = Pick<Asker, 'kind' | 'id'>

export interface StoredResponses {
  /**
   * When a request begins: gives the function that keeps its response in the end. It does nothing where what the owner said was erased
   * meanwhile.
   */
  begin(owner: Owner): (stored: StoredResponse) => Promise<void>
  /** Throws RESPONSE_UNKNOWN, also for those of others. */
  need(owner: Owner, id: string): Promise<StoredResponse>
  /**
   * Items of the conversation up to and with the response, oldest first. Throws RESPONSE_UNKNOWN where a part of it is gone, and
   * CONTEXT_TOO_LONG where it is longer than any model reads, and PRIVATE_WITHHELD where a part of it is private and `leaves`.
   */
  conversation(owner: Owner, id: string, leaves: boolean): Promise<JsonObject[]>
  /** Throws RESPONSE_UNKNOWN. */
  remove(owner: Owner, id: string): Promise<void>
  /** All of one owner. */
  forget(owner: Owner): Promise<void>
}

export const RESPONSES_MAX_AGE_MS = 30 * 86_400_000
const VERSION = 1
const RESPONSE_ID = /^resp_[0-9a-f]{32}$/
/** Of one conversation. */
const MAX_CHAIN = 1_024
const MAX_CHARACTERS = 16 * 2 ** 20

const prefixOf = ({ kind, id }: Owner) => `${kind}.${id}/`

export function createStoredResponses(
  components: { sealed: Pick<SealedStore, 'put' | 'getJson' | 'delete' | 'deleteMany' | 'list'> },
  init: { now?: () => number } = {},
): StoredResponses {
  const { sealed } = components
  const now = init.now ?? Date.now
  /** How often what an owner said was erased. */
  const erasures = new Map<string, number>()
  const writing = new Set<Promise<void>>()

  async function dropOld(): Promise<void> {
    // In the order of their last put: oldest first.
    const oldest = sealed.list()
    const young = oldest.findIndex(({ updatedAtMs }) => updatedAtMs > now() - RESPONSES_MAX_AGE_MS)
    const old = young < 0 ? oldest : oldest.slice(0, young)
    if (old.length > 0) await sealed.deleteMany(old.map(({ id }) => id))
  }

  function unknown(id: string, field: string): VillageError {
    return new VillageError('RESPONSE_UNKNOWN', undefined, { fields: { field, id: id.slice(0, 64) } })
  }

  async function read(owner: Owner, id: string, field: string): Promise<StoredResponse> {
    const record = RESPONSE_ID.test(id) ? await sealed.getJson(`${prefixOf(owner)}${id}`) : null
    if (!isJsonObject(record)) throw unknown(id, field)
    const { response, input, isPrivate } = record as unknown as StoredResponse // written by begin()
    return { response, input, isPrivate }
  }

  return {
    begin(owner) {
      const prefix = prefixOf(owner)
      const era = erasures.get(prefix) ?? 0
      return async ({ response, input, isPrivate }) => {
        await dropOld()
        if ((erasures.get(prefix) ?? 0) !== era) return
        const written = sealed.put(`${prefix}${String(response.id)}`, {
          version: VERSION,
          response,
          input,
          isPrivate,
        })
        writing.add(written)
        try {
          await written
        } finally {
          writing.delete(written)
        }
      }
    },
    async need(owner, id) {
      await dropOld()
      return read(owner, id, 'params.id')
    },
    async conversation(owner, id, leaves) {
      await dropOld()
      const parts: (readonly JsonObject[])[] = []
      let next: string | null = id
      let characters = 0
      while (next !== null) {
        const found: StoredResponse = await read(owner, next, 'previous_response_id')
        if (leaves && found.isPrivate)
          throw new VillageError('PRIVATE_WITHHELD', undefined, { fields: { field: 'previous_response_id' } })
        const part = [...found.input, ...(found.response.output as readonly JsonObject[])]
        characters += JSON.stringify(part).length
        if (parts.length === MAX_CHAIN || characters > MAX_CHARACTERS)
          throw new VillageError('CONTEXT_TOO_LONG', 'The conversation is too long', {
            fields: { field: 'previous_response_id' },
          })
        parts.push(part)
        next = found.response.previous_response_id as string | null
      }
      return parts.reverse().flat()
    },
    async remove(owner, id) {
      await read(owner, id, 'params.id')
      if (!(await sealed.delete(`${prefixOf(owner)}${id}`))) throw unknown(id, 'params.id')
    },
    async forget(owner) {
      const prefix = prefixOf(owner)
      erasures.set(prefix, (erasures.get(prefix) ?? 0) + 1)
      await Promise.allSettled(writing)
      const own = sealed.list().filter(({ id }) => id.startsWith(prefix))
      await sealed.deleteMany(own.map(({ id }) => id))
    },
  }
}
