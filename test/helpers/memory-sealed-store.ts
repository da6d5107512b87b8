/** A sealed store without a disk: what services do with one. How it is sealed has tests of its own. */
import type { JsonValue } from '../../node/json.ts'
import type { SealedStore } from '../../node/sealed-store.ts'

export function memorySealedStore(init: { maxRecords?: number } = {}): SealedStore {
  const records = new Map<string, { value: JsonValue | Uint8Array; updatedAtMs: number }>()
  let clock = Date.now()
  return {
    name: 'sealed-store:memory',
    async start() {},
    async stop() {},
    async put(id, value) {
      records.delete(id)
      clock += 1
      records.set(id, { value: structuredClone(value), updatedAtMs: clock })
      for (const oldest of records.keys())
        if (records.size > (init.maxRecords ?? Number.POSITIVE_INFINITY)) records.delete(oldest)
    },
    get: async (id) => (records.get(id)?.value as Uint8Array | undefined) ?? null,
    getJson: async (id) => structuredClone((records.get(id)?.value as JsonValue | undefined) ?? null),
    delete: async (id) => records.delete(id),
    deleteMany: async (ids) => ids.filter((id) => records.delete(id)).length,
    clear: async () => records.clear(),
    list: () => [...records].map(([id, { updatedAtMs }]) => ({ id, updatedAtMs, sizeBytes: 1 })),
    stats: () => ({ records: records.size, sizeBytes: records.size, damaged: 0 }),
  }
}
