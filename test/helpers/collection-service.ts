/** The service of collections over a real store, index and ingest in a directory; vectors are counts of letters. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { CollectionEncoder } from '../../node/agents/rag/collections/collection-encoder.ts'
import {
  type Collections,
  type CollectionsInit,
  createCollections,
} from '../../node/agents/rag/collections/collections.ts'
import type { IndexRun } from '../../node/agents/rag/collections/index-run.ts'
import { createIndexHost, type IndexHost } from '../../node/agents/rag/index/index-host.ts'
import { createIngest, type Ingest } from '../../node/agents/rag/ingest/ingest.ts'
import { createEvents, type Events } from '../../node/events.ts'
import { createLog } from '../../node/log.ts'
import { openStore, type Store } from '../../node/store.ts'

export const OWNER = '12D3KooWOwnerOwnerOwnerOwnerOwnerOwnerOwnerOwnerOwne'
export const LETTERS = 26

export function letterVectors(texts: readonly string[]): { dims: number; vectors: Float32Array } {
  const vectors = new Float32Array(texts.length * LETTERS)
  for (const [row, text] of texts.entries())
    for (const letter of text.toLowerCase()) {
      const index = letter.charCodeAt(0) - 97
      if (index >= 0 && index < LETTERS) vectors[row * LETTERS + index]! += 1
    }
  return { dims: LETTERS, vectors }
}

export interface CollectionNode {
  readonly collections: Collections
  readonly index: IndexHost
  readonly ingest: Ingest
  readonly events: Events
  readonly store: Store
  /** Texts that were embedded, in their order. */
  readonly embedded: string[]
  /** The run when it has ended. */
  ended(run: Pick<IndexRun, 'id'>): Promise<IndexRun>
  /** Indexes and waits. */
  indexed(name: string, wishes: Parameters<Collections['index']>[1]): Promise<IndexRun>
  /** Of all documents, sorted. */
  sources(name: string): Promise<string[]>
  stop(): Promise<void>
}

export interface CollectionNodeInit extends Partial<CollectionsInit> {
  readonly directory: string
  /** Called before each batch; what it throws makes embedding fail. */
  readonly onEmbed?: (texts: readonly string[], signal: AbortSignal) => void | Promise<void>
  /** Stays open; otherwise the node has one of its own. */
  readonly store?: Store
  /** Called around each change of the ledger; what it throws makes the change fail. */
  readonly onLedger?: (when: 'before' | 'after') => void
  /** Threads and processes that several nodes may share, one after the other. */
  readonly engines: Engines
}

export interface Engines {
  readonly index: IndexHost
  readonly ingest: Ingest
  stop(): Promise<void>
}

/** They start with the first call that needs them. */
export function createEngines(): Engines {
  const log = createLog({ level: 'silent' })
  const index = createIndexHost({ log })
  const ingest = createIngest({ log }, { parsers: 1 })
  return {
    index,
    ingest,
    async stop() {
      await ingest.stop()
      await index.stop()
    },
  }
}

export async function startCollections(init: CollectionNodeInit): Promise<CollectionNode> {
  const log = createLog({ level: 'silent' })
  const events = createEvents()
  const store = init.store ?? (await openStore({ directory: init.directory }))
  const { index, ingest } = init.engines
  const embedded: string[] = []
  const { onLedger } = init
  const watchedStore: Pick<Store, 'json'> = {
    json(name) {
      const table = store.json<never>(name)
      return {
        ...table,
        async batch(operations, options) {
          onLedger?.('before')
          await table.batch(operations as never, options)
          onLedger?.('after')
        },
      }
    },
  }
  const encoder: CollectionEncoder = {
    has: async () => true,
    resolve: async () => ({ cid: 'bafyletters', dims: LETTERS }),
    async embed(_cid, texts, signal) {
      await init.onEmbed?.(texts, signal)
      signal.throwIfAborted()
      embedded.push(...texts)
      const { dims, vectors } = letterVectors(texts)
      return { dims, vectors, tokens: new Int32Array(texts.length), truncated: new Uint8Array(texts.length) }
    },
  }
  const collections = createCollections(
    { ingest, index, encoder, store: watchedStore, events, log },
    {
      peerId: OWNER,
      maxFileBytes: 2 ** 20,
      commitEveryMs: 60_000,
      watchDelayMs: 20,
      isSmall: false,
      ...init,
    },
  )
  const { signal } = new AbortController()
  await collections.start(signal)

  async function ended({ id }: Pick<IndexRun, 'id'>): Promise<IndexRun> {
    const isOpen = () => ['waiting', 'running'].includes(collections.needRun(id).state)
    if (isOpen())
      await new Promise<void>((resolve) => {
        const end = events.subscribe(({ type, data }) => {
          if (type !== 'index:changed' || data.run !== id || isOpen()) return
          end()
          resolve()
        })
      })
    return collections.needRun(id)
  }

  return {
    ...{ collections, index, ingest, events, store, embedded, ended },
    indexed: async (name, wishes) => ended(await collections.index(name, wishes)),
    async sources(name) {
      const documents = await collections.documents(name, { limit: 10_000 })
      return documents.map(({ source }) => source).sort()
    },
    async stop() {
      await collections.stop()
      for (const { id } of await collections.list()) await index.close(collections.indexDirectory(id))
      if (init.store === undefined) await store.close()
    },
  }
}

/** A data directory and a folder to index, removed afterwards. */
export async function withFolders(run: (data: string, folder: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-collections-'))
  const [data, folder] = ['data', 'notes'].map((name) => path.join(directory, name)) as [string, string]
  await mkdir(data)
  await mkdir(folder)
  try {
    await run(data, folder)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await writeFile(path.join(folder, name), text)
  }
}

/** The collections of a node, stopped afterwards. */
export async function withCollections(
  init: CollectionNodeInit,
  run: (node: CollectionNode) => Promise<void>,
): Promise<void> {
  const node = await startCollections(init)
  try {
    await run(node)
  } finally {
    await node.stop()
  }
}

/** As if the files had been written long ago: their times say for sure whether they have changed. */
export async function age(folder: string, ...names: string[]): Promise<void> {
  for (const name of names) await utimes(path.join(folder, name), 1_700_000_000.5, 1_700_000_000.5)
}

/** Added, changed, unchanged, removed, skipped. */
export const tally = ({
  report,
}: {
  report: Record<'added' | 'changed' | 'unchanged' | 'removed' | 'skipped', number>
}) => [report.added, report.changed, report.unchanged, report.removed, report.skipped]

/** Passages with a term, as the analyzer writes it. */
export async function found(node: CollectionNode, name: string, term: string): Promise<number> {
  const { id } = await node.collections.need(name)
  const lexical = { terms: [{ term, weight: 1, field: null }], required: [], excluded: [] }
  const request = { lexical, vector: null, filters: [], limit: 100 }
  const outcome = await node.index.search(node.collections.indexDirectory(id), request, null)
  return outcome.lexical.length
}
