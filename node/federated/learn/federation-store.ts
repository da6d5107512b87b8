/** Federations in the store: a record each, and a line for every round, so that a long one is not written anew every time. */
import type { JsonTable, Store } from '../../store.ts'
import type { FederationRecord, RoundReport } from './federation-record.ts'

export interface FederationStore {
  get(id: string): Promise<FederationRecord | null>
  /** Oldest first. */
  list(): Promise<FederationRecord[]>
  rounds(id: string): Promise<RoundReport[]>
  /** Both or neither, durable when it resolves. */
  save(record: FederationRecord, round: RoundReport | null): Promise<void>
  remove(id: string): Promise<void>
}

/** Order of keys is order of rounds. */
const ROUND_DIGITS = 9

export function createFederationStore(store: Pick<Store, 'json'>): FederationStore {
  const table: JsonTable<FederationRecord | RoundReport> = store.json('federations')
  const keyOf = (id: string) => `record/${id}`
  const roundsOf = (id: string) => `round/${id}/`
  const roundKey = (id: string, round: number) => roundsOf(id) + String(round).padStart(ROUND_DIGITS, '0')
  return {
    get: async (id) => ((await table.get(keyOf(id))) as FederationRecord | undefined) ?? null,
    async list() {
      const all: FederationRecord[] = []
      for await (const [, record] of table.entries({ prefix: 'record/' }))
        all.push(record as FederationRecord)
      return all.sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1))
    },
    async rounds(id) {
      const all: RoundReport[] = []
      for await (const [, round] of table.entries({ prefix: roundsOf(id) })) all.push(round as RoundReport)
      return all
    },
    async save(record, round) {
      await table.batch(
        [
          { type: 'put', key: keyOf(record.id), value: record },
          ...(round === null
            ? []
            : [{ type: 'put' as const, key: roundKey(record.id, round.round), value: round }]),
        ],
        { sync: true },
      )
    },
    async remove(id) {
      const keys = [keyOf(id)]
      for await (const [key] of table.entries({ prefix: roundsOf(id) })) keys.push(key)
      await table.batch(
        keys.map((key) => ({ type: 'del' as const, key })),
        { sync: true },
      )
    },
  }
}
