/**
 * Which records of a sealed store came from one speaker: what erasers ask. The records themselves say whose they are: an erasure that was
 * cut off is finished before any service has read an index.
 */
import { VillageError } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'
import type { Speaker } from './erasure.ts'

export interface SpokenRecords {
  getJson(id: string): Promise<JsonValue | null>
  list(): readonly { readonly id: string }[]
}

/**
 * Ids, in the order of the store. `speakerOf` gives null where a record does not say. Such a record, and one that is damaged, counts as the
 * speaker's: nobody can read it, and nobody could erase it later.
 */
export async function recordsOf(
  store: SpokenRecords,
  { kind, id: name }: Speaker,
  speakerOf: (record: JsonValue) => Speaker | null,
): Promise<string[]> {
  const found: string[] = []
  for (const { id } of store.list()) {
    const speaker = await readSpeaker(id)
    if (speaker === 'gone') continue
    if (speaker === null || (speaker.kind === kind && speaker.id === name)) found.push(id)
  }
  return found

  async function readSpeaker(id: string): Promise<Speaker | 'gone' | null> {
    try {
      const record = await store.getJson(id)
      return record === null ? 'gone' : speakerOf(record)
    } catch (error) {
      if (error instanceof VillageError && error.code === 'SEALED_RECORD_DAMAGED') return null
      throw error
    }
  }
}

/** Part of a record's id: whose it is. */
export const speakerPart = ({ kind, id }: Speaker): string => `${kind}.${id}`

/** For SealedStoreInit.groupOf, of ids with a speakerPart() before or after a slash; null: the owner's. */
export function speakerGroup(id: string): string | null {
  const part = id.split('/').find((one) => one.startsWith('key.') || one.startsWith('member.'))
  return part ?? null
}

/** The speaker in a field of a record, or null. */
export function speakerIn(value: JsonValue | undefined): Speaker | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { kind, id } = value as Readonly<Record<string, JsonValue>>
  if (typeof id !== 'string' || (kind !== 'owner' && kind !== 'key' && kind !== 'member')) return null
  return { kind, id }
}
