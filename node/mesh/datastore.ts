/**
 * The persistent store of libp2p (peer store, DHT records): a sublevel of the daemon's own database, which the daemon
 * opens and closes, behind a copy in memory. libp2p reads and writes the entry of a peer at every new stream; from the
 * database that is most of what a stream costs. Writes reach the disk within a second, all at once: what a crash loses
 * is addresses that the next connection brings again.
 */
import { type AbortOptions, NotFoundError } from '@libp2p/interface'
import { LevelDatastore } from 'datastore-level'
import type { Batch, Key, KeyQuery, Pair, Query } from 'interface-datastore'
import type { Level } from 'level'
import type { Log } from '../log.ts'
import type { Store } from '../store.ts'

const FLUSH_AFTER_MS = 1_000
/** Entries beyond this are not kept: other members must not fill this node's memory with provider records. */
const MAX_ENTRIES = 50_000

type Table = Level<string, Uint8Array>

function tableOf(store: Store, name: string): Table {
  // A sublevel has every method that LevelDatastore calls (get, put, del, batch, iterator); only its class differs.
  return store.db.sublevel<string, Uint8Array>(name, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
  }) as unknown as Table
}

export class PeerDatastore extends LevelDatastore {
  readonly #log: Log
  readonly #entries = new Map<string, Uint8Array>()
  /** Not on the disk yet; null is a deletion. */
  readonly #changed = new Map<string, Uint8Array | null>()
  #finished = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(components: { store: Store; log: Log }, init: { name: string }) {
    super(tableOf(components.store, init.name))
    this.#log = components.log
  }

  /** Reads what the last run left; call it once, before libp2p uses the store. */
  async load(): Promise<void> {
    for await (const [key, value] of this.db.iterator()) this.#entries.set(key, value)
  }

  /** Writes what has changed; the store stays usable. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const operations = [...this.#changed].map(([key, value]) =>
      value === null ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
    )
    this.#changed.clear()
    // One batch after another, so that an older value never overwrites a newer one.
    this.#writing = this.#writing.then(() => this.db.batch(operations))
    await this.#writing
  }

  /** The last flush: libp2p still writes for a moment after it has stopped, and the database may be closed by then. */
  async finish(): Promise<void> {
    this.#finished = true
    await this.flush()
  }

  #set(key: string, value: Uint8Array | null): void {
    if (value === null) this.#entries.delete(key)
    else if (this.#entries.size < MAX_ENTRIES || this.#entries.has(key)) this.#entries.set(key, value)
    else return
    if (this.#finished) return
    this.#changed.set(key, value)
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) =>
        this.#log.error({ err: error }, 'what is known of peers was not stored'),
      )
    }, FLUSH_AFTER_MS)
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    this.#set(key.toString(), value)
    return key
  }

  override async get(key: Key): Promise<Uint8Array> {
    const value = this.#entries.get(key.toString())
    if (value === undefined) throw new NotFoundError()
    return value
  }

  override async has(key: Key): Promise<boolean> {
    return this.#entries.has(key.toString())
  }

  override async delete(key: Key): Promise<void> {
    this.#set(key.toString(), null)
  }

  override batch(): Batch {
    const operations: [string, Uint8Array | null][] = []
    return {
      put: (key, value) => operations.push([key.toString(), value]),
      delete: (key) => operations.push([key.toString(), null]),
      commit: async () => {
        for (const [key, value] of operations) this.#set(key, value)
      },
    }
  }

  override async *query(query: Query, options?: AbortOptions): AsyncGenerator<Pair> {
    await this.flush()
    yield* super.query(query, options)
  }

  override async *queryKeys(query: KeyQuery, options?: AbortOptions): AsyncGenerator<Key> {
    await this.flush()
    yield* super.queryKeys(query, options)
  }
}

/** Forgets every peer and record, when the node leaves its village. */
export async function clearDatastore(components: { store: Store }, init: { name: string }): Promise<void> {
  await tableOf(components.store, init.name).clear()
}
