/**
 * The persistent store of libp2p (peer store, DHT records) as a sublevel of the daemon's own database. The daemon opens
 * and closes that database: libp2p starts its services in parallel and opens or closes no store by itself.
 */
import { LevelDatastore } from 'datastore-level'
import type { Datastore } from 'interface-datastore'
import type { Level } from 'level'
import type { Store } from '../store.ts'

export function createDatastore(components: { store: Store }, init: { name: string }): Datastore {
  const table = components.store.db.sublevel<string, Uint8Array>(init.name, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
  })
  // A sublevel has every method that LevelDatastore calls (get, put, del, batch, iterator); only its class differs.
  return new LevelDatastore(table as unknown as Level<string, Uint8Array>)
}

/** Forgets every peer and record, when the node leaves its village. */
export async function clearDatastore(components: { store: Store }, init: { name: string }): Promise<void> {
  await components.store.db.sublevel(init.name).clear()
}
