/** A state store that forgets: what virtual peers write is not what a simulation measures. */
import type { JsonTable, Store } from '../../node/store.ts'

function memoryTable<T>(): JsonTable<T> {
  const rows = new Map<string, T>()
  return {
    get: async (key) => rows.get(key),
    async put(key, value) {
      rows.set(key, value)
    },
    async del(key) {
      rows.delete(key)
    },
    async batch(operations) {
      for (const operation of operations)
        if (operation.type === 'put') rows.set(operation.key, operation.value)
        else rows.delete(operation.key)
    },
    async *entries({ prefix = '', from = '' } = {}) {
      for (const key of [...rows.keys()].sort())
        if (key.startsWith(prefix) && key >= from) yield [key, rows.get(key)!]
    },
  }
}

export const memoryStore = (): Pick<Store, 'json'> => ({ json: memoryTable })
