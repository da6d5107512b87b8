/**
 * What the collections know of files and of the documents that came of them, so that a run of indexing costs what has changed.
 *
 * The index is the truth about documents, and it commits on its own. So what a commit is about to do is written here first, as
 * pending, and confirmed after it: a file that a crash left pending is read again, and none of its documents is forgotten.
 */
import type { JsonTable, Store } from '../../../store.ts'

export interface FileRow {
  /** Of an indexed root; null: it was uploaded or imported, and is not missed on the disk. */
  readonly root: string | null
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  /** False: a run was cut off while it took in the file. */
  readonly isSettled: boolean
  /** The file changed so shortly before it was read that a later change could have left size and time as they are. */
  readonly isFresh: boolean
  /** What was asked for, not what was found. */
  readonly language: string | null
  /** Why it could not be read whole. */
  readonly problem: { readonly code: string; readonly message: string } | null
  /** Documents of it that are in the index. */
  readonly documents: number
  /** Documents of it that are left out because another one has the same bytes. */
  readonly duplicates: number
  /** Documents of it that were taken out by hand. */
  readonly excluded: number
}

/**
 * `indexed`; `duplicate` of another document's bytes; `excluded`: taken out by hand, which only another request to index its file
 * undoes; `pending`: in the index, or not.
 */
export type DocumentState = 'indexed' | 'duplicate' | 'excluded' | 'pending'

export interface DocumentRow {
  readonly hash: string
  readonly state: DocumentState
}

export interface HashRow {
  /** The document that is in the index; others with the same bytes are its duplicates. */
  readonly document: string
  /** Whether there are any. */
  readonly hasDuplicates: boolean
}

export interface LedgerChange {
  readonly files?: ReadonlyMap<string, FileRow | null>
  /** By source of the file and id of the document. */
  readonly documents?: readonly { file: string; id: string; row: DocumentRow | null }[]
  readonly hashes?: ReadonlyMap<string, HashRow | null>
}

export interface FileLedger {
  file(source: string): Promise<FileRow | undefined>
  /** Sources with their rows; `prefix` limits them to those that start with it. */
  files(prefix?: string): AsyncIterable<[source: string, row: FileRow]>
  documents(file: string): Promise<Map<string, DocumentRow>>
  holder(hash: string): Promise<HashRow | undefined>
  /** Files with documents that duplicate one of these hashes; reads all rows of documents. */
  filesWithDuplicates(hashes: ReadonlySet<string>): Promise<Set<string>>
  /**
   * On the disk when it resolves. A crash may leave the beginning of it: files come last, so that one which counts as settled has
   * all of its documents.
   */
  write(change: LedgerChange): Promise<void>
  /** Forgets all. */
  clear(): Promise<void>
}

/** Sorts before every character of a name, and occurs in none. */
const END = '\0'
/** A batch holds the event loop while it is encoded: these take a few milliseconds. */
const WRITTEN_AT_ONCE = 1_000
const CLEARED_AT_ONCE = 1_000

type LedgerRow = FileRow | DocumentRow | HashRow

/** The ledger of one collection. */
export function createFileLedger(components: { store: Pick<Store, 'json'> }, collection: string): FileLedger {
  // One table, which is written in order: what a row is, its key says.
  const table: JsonTable<LedgerRow> = components.store.json('collection-ledger')
  const start = `${collection}/`
  const fileKey = (source: string) => `${start}file/${source}`
  const documentKey = (file: string, id: string) => `${start}document/${file}${END}${id}`
  const hashKey = (hash: string) => `${start}hash/${hash}`
  const operation = (key: string, value: LedgerRow | null) =>
    value === null ? { type: 'del' as const, key } : { type: 'put' as const, key, value }

  return {
    file: async (source) => (await table.get(fileKey(source))) as FileRow | undefined,
    async *files(prefix = '') {
      const skip = fileKey('').length
      for await (const [key, row] of table.entries({ prefix: fileKey(prefix) }))
        yield [key.slice(skip), row as FileRow]
    },
    async documents(file) {
      const prefix = documentKey(file, '')
      const found = new Map<string, DocumentRow>()
      for await (const [key, row] of table.entries({ prefix }))
        found.set(key.slice(prefix.length), row as DocumentRow)
      return found
    },
    holder: async (hash) => (await table.get(hashKey(hash))) as HashRow | undefined,
    async filesWithDuplicates(wanted) {
      const prefix = `${start}document/`
      const found = new Set<string>()
      for await (const [key, row] of table.entries({ prefix })) {
        const { state, hash } = row as DocumentRow
        if (state === 'duplicate' && wanted.has(hash)) found.add(key.slice(prefix.length, key.indexOf(END)))
      }
      return found
    },
    async write({ files = new Map(), documents = [], hashes = new Map() }) {
      const operations = [
        ...[...hashes].map(([hash, row]) => operation(hashKey(hash), row)),
        ...documents.map(({ file, id, row }) => operation(documentKey(file, id), row)),
        ...[...files].map(([source, row]) => operation(fileKey(source), row)),
      ]
      for (let at = 0; at < operations.length; at += WRITTEN_AT_ONCE) {
        const isLast = at + WRITTEN_AT_ONCE >= operations.length
        await table.batch(operations.slice(at, at + WRITTEN_AT_ONCE), { sync: isLast })
      }
    },
    async clear() {
      let keys: { type: 'del'; key: string }[] = []
      for await (const [key] of table.entries({ prefix: start })) {
        keys.push({ type: 'del', key })
        if (keys.length < CLEARED_AT_ONCE) continue
        await table.batch(keys)
        keys = []
      }
      await table.batch(keys, { sync: true })
    },
  }
}
