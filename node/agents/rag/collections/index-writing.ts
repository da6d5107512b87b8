/**
 * The second half of a run of indexing: chunks are embedded, given to the index and committed, while the first half goes on reading.
 * What a commit does is noted before it and confirmed after it (file-ledger.ts).
 */
import { toVillageError } from '../../../errors.ts'
import type { Chunk, DocumentRecord, IndexedDocument } from '../document.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import { createPassageEmbedder, type EmbedTexts } from '../vectors/embed-passages.ts'
import type { DocumentRow, FileLedger, FileRow, HashRow } from './file-ledger.ts'

/** What a step comes to for people, once it is committed. */
export type WriteEffect = 'added' | 'changed' | 'removed'

/** In the order in which they take effect. */
export type WriteStep =
  | {
      readonly kind: 'add'
      readonly file: string
      readonly record: DocumentRecord
      readonly chunks: readonly Chunk[]
      readonly effect: 'added' | 'changed'
    }
  /** A document that is not, or no longer, in the index; `row` null: nothing is known of it any more. */
  | {
      readonly kind: 'leave'
      readonly file: string
      readonly id: string
      readonly row: DocumentRow | null
      readonly effect: 'removed' | null
    }
  | { readonly kind: 'hash'; readonly hash: string; readonly row: HashRow | null }
  /** A file on its way (not settled) before the first of its documents, settled after the last; null: it is gone. */
  | { readonly kind: 'file'; readonly source: string; readonly row: FileRow | null }

export interface IndexWriting {
  /** Resolves when there is room: at most two batches wait. Rejects with what made an earlier one fail. */
  push(step: WriteStep): Promise<void>
  /** Everything that was pushed is committed. */
  finish(): Promise<void>
  /** Commits what is in the index already; what only waited is dropped. Never rejects. */
  abandon(): Promise<void>
}

interface Components {
  readonly index: Pick<IndexHost, 'add' | 'remove' | 'commit' | 'close'>
  readonly ledger: Pick<FileLedger, 'write'>
  /** Null without an encoder. */
  readonly embed: EmbedTexts | null
}

interface Init {
  readonly directory: string
  readonly batchChunks: number
  readonly commitEveryMs: number
  readonly now: () => number
  readonly onEmbedded: (chunks: number) => void
  readonly onChunks: (chunks: number) => void
  /** Also where only the ledger changed; then without a manifest. */
  readonly onCommit: (
    manifest: Manifest | null,
    hashes: ReadonlyMap<string, HashRow | null>,
    effects: Readonly<Record<WriteEffect, number>>,
  ) => void
}

const WAITING_BATCHES = 2
/** A commit at the latest after so many changes, however fast they come. */
const MAX_UNCOMMITTED = 20_000

interface Uncommitted {
  readonly files: Map<string, FileRow | null>
  readonly documents: Map<string, { file: string; id: string; row: DocumentRow | null }>
  readonly hashes: Map<string, HashRow | null>
  /** Ids of documents that were added, and of those that go. */
  readonly added: Set<string>
  readonly removed: Set<string>
  readonly effects: Record<WriteEffect, number>
}

const nothing = (): Uncommitted => ({
  files: new Map(),
  documents: new Map(),
  hashes: new Map(),
  added: new Set(),
  removed: new Set(),
  effects: { added: 0, changed: 0, removed: 0 },
})

export function createIndexWriting(components: Components, init: Init): IndexWriting {
  const { index, ledger } = components
  const embed = components.embed === null ? null : createPassageEmbedder(components.embed)
  const { directory, now } = init
  let batch: WriteStep[] = []
  let batchChunks = 0
  let flushedAtMs = now()
  let committedAtMs = now()
  let uncommitted = nothing()
  let working: Promise<void> = Promise.resolve()
  let waiting = 0
  let failure: unknown
  let isSound = true

  /** An index that failed holds nobody knows what beyond its last commit. */
  async function sound<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      isSound = false
      throw error
    }
  }

  /** A large document is many batches: between them it can be ended, and is seen to go on. */
  async function vectorsOf(
    embedBatch: NonNullable<typeof embed>,
    chunks: readonly Chunk[],
  ): Promise<{ dims: number; vectors: Float32Array }> {
    let all = new Float32Array(0)
    let dims = 0
    for (let at = 0; at < chunks.length; at += init.batchChunks) {
      const part = chunks.slice(at, at + init.batchChunks)
      const embedded = await embedBatch(part)
      if (at === 0) all = new Float32Array(chunks.length * embedded.dims)
      dims = embedded.dims
      all.set(embedded.vectors, at * dims)
      init.onEmbedded(part.length)
    }
    return { dims, vectors: all }
  }

  async function indexed(steps: readonly Extract<WriteStep, { kind: 'add' }>[]): Promise<IndexedDocument[]> {
    const embedded =
      embed === null
        ? null
        : await vectorsOf(
            embed,
            steps.flatMap(({ chunks }) => chunks),
          )
    let row = 0
    return steps.map(({ record, chunks }) => {
      const start = row
      row += chunks.length
      if (embedded === null) return { record, chunks, vectors: null }
      return { record, chunks, vectors: embedded.vectors.slice(start * embedded.dims, row * embedded.dims) }
    })
  }

  function note(step: WriteStep): void {
    const { documents, files, hashes, added, removed, effects } = uncommitted
    if ('effect' in step && step.effect !== null) effects[step.effect] += 1
    if (step.kind === 'hash') hashes.set(step.hash, step.row)
    else if (step.kind === 'file') files.set(step.source, step.row)
    else if (step.kind === 'add') {
      const { file, record } = step
      const row = { hash: record.contentHash, state: 'indexed' } as const
      documents.set(record.id, { file, id: record.id, row })
      added.add(record.id)
      removed.delete(record.id)
    } else {
      const { file, id, row } = step
      documents.set(id, { file, id, row })
      removed.add(id)
    }
  }

  async function work(steps: readonly WriteStep[]): Promise<void> {
    const adds = steps.filter((step) => step.kind === 'add')
    if (adds.length > 0) {
      const documents = await indexed(adds)
      await sound(index.add(directory, documents))
      init.onChunks(documents.reduce((sum, { chunks }) => sum + chunks.length, 0))
    }
    for (const step of steps) note(step)
    const changes = uncommitted.documents.size + uncommitted.files.size
    if (now() - committedAtMs >= init.commitEveryMs || changes >= MAX_UNCOMMITTED) await commit()
  }

  async function commit(): Promise<void> {
    const { files, documents, hashes, added, removed, effects } = uncommitted
    if (files.size + documents.size + hashes.size === 0) return
    uncommitted = nothing()
    const rows = [...documents.values()]
    let manifest: Manifest | null = null
    if (added.size + removed.size > 0) {
      const pending = rows.map(({ row, ...rest }) => ({
        ...rest,
        row: { hash: row?.hash ?? '', state: 'pending' as const },
      }))
      const unsettled = new Map<string, FileRow>()
      for (const [source, row] of files) if (row !== null) unsettled.set(source, { ...row, isSettled: false })
      await ledger.write({ files: unsettled, documents: pending })
      if (removed.size > 0) await sound(index.remove(directory, [...removed]))
      manifest = await sound(index.commit(directory))
    }
    await ledger.write({ files, documents: rows, hashes })
    init.onCommit(manifest, hashes, effects)
    committedAtMs = now()
  }

  /** Begins the batch; resolves when fewer than the most wait. */
  async function flush(): Promise<void> {
    const steps = batch
    batch = []
    batchChunks = 0
    flushedAtMs = now()
    waiting += 1
    const before = working
    working = before
      .then(() => (failure === undefined ? work(steps) : undefined))
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => {
        waiting -= 1
      })
    if (waiting > WAITING_BATCHES) await before
    if (failure !== undefined) throw toVillageError(failure)
  }

  return {
    async push(step) {
      batch.push(step)
      if (step.kind === 'add') batchChunks += step.chunks.length
      if (batchChunks >= init.batchChunks || now() - flushedAtMs >= init.commitEveryMs) await flush()
    },
    async finish() {
      await flush()
      await working
      if (failure !== undefined) throw toVillageError(failure)
      await commit()
    },
    async abandon() {
      failure ??= new Error('abandoned')
      await working
      // The run ends with the failure that brought it here; these two would only hide it.
      if (isSound) await commit().catch(() => undefined)
      // What was not committed is read again by the next run: the ledger has it as it was.
      if (!isSound) await index.close(directory).catch(() => undefined)
    },
  }
}
