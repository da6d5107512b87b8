/** Takes documents out of a collection by hand: their text leaves the disk, and an unchanged folder does not bring them back. */
import { VillageError } from '../../../errors.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import { documentId, isCollectionId } from './collection.ts'
import type { DocumentRow, FileLedger, FileRow, HashRow } from './file-ledger.ts'

interface Components {
  readonly index: Pick<IndexHost, 'documents' | 'remove' | 'commit' | 'compact'>
  readonly ledger: FileLedger
}

export interface CollectionPlace {
  readonly documentBase: string
  /** Of the index. */
  readonly directory: string
}

const ID_DIGITS = 32

/** The id before another one in order: a page after it begins with that one. */
function before(id: string): string {
  const number = BigInt(`0x${id}`)
  return number === 0n ? '' : (number - 1n).toString(16).padStart(ID_DIGITS, '0')
}

async function recordOf(index: Pick<IndexHost, 'documents'>, directory: string, id: string) {
  const after = before(id)
  const [record] = await index.documents(directory, { ...(after === '' ? {} : { after }), limit: 1 })
  return record?.id === id ? record : null
}

/** Ids of what came of the file of this name, or of the files below a folder (`notes/`), and is in the index. */
async function idsOf(ledger: Pick<FileLedger, 'files' | 'documents'>, name: string): Promise<string[]> {
  const files = [name]
  if (name.endsWith('/')) for await (const [source] of ledger.files(name)) files.push(source)
  const ids: string[] = []
  for (const file of files)
    for (const [id, { state }] of await ledger.documents(file)) if (state === 'indexed') ids.push(id)
  return ids
}

/**
 * Ids of documents that are named by id or source, by the file that they are lines of, or by their folder with a slash at its
 * end. Throws DOCUMENT_UNKNOWN.
 */
export async function findDocuments(
  components: { index: Pick<IndexHost, 'documents'>; ledger: Pick<FileLedger, 'files' | 'documents'> },
  place: CollectionPlace,
  idsOrSources: readonly string[],
): Promise<string[]> {
  const found = new Set<string>()
  for (const given of idsOrSources) {
    const ids = [given, documentId(place.documentBase, given)].filter(isCollectionId)
    const records = await Promise.all(ids.map((id) => recordOf(components.index, place.directory, id)))
    const named = [
      ...records.flatMap((record) => (record === null ? [] : [record.id])),
      ...(await idsOf(components.ledger, given)),
    ]
    if (named.length === 0)
      throw new VillageError('DOCUMENT_UNKNOWN', `There is no document "${given}" in the collection`, {
        fields: { document: given },
      })
    for (const id of named) found.add(id)
  }
  return [...found]
}

/** The row of the file that a document came from: its source, or what stands before `#42`. */
async function fileOf(ledger: FileLedger, source: string): Promise<[string, FileRow] | null> {
  const line = source.lastIndexOf('#')
  for (const name of line < 0 ? [source] : [source, source.slice(0, line)]) {
    const row = await ledger.file(name)
    if (row !== undefined) return [name, row]
  }
  return null
}

/**
 * All or none; when it resolves the text is gone from the disk. Other files with the same bytes are kept out as well. Throws
 * DOCUMENT_UNKNOWN, and what the index throws.
 */
export async function removeDocuments(
  components: Components,
  place: CollectionPlace,
  idsOrSources: readonly string[],
): Promise<{ ids: string[]; count: number; manifest: Manifest }> {
  const { index, ledger } = components
  const { directory } = place
  const ids = await findDocuments(components, place, idsOrSources)
  const files = new Map<string, FileRow>()
  const documents: { file: string; id: string; row: DocumentRow }[] = []
  const hashes = new Map<string, HashRow | null>()

  const exclude = (file: string, row: FileRow, id: string, hash: string, indexed: number) => {
    const known = files.get(file) ?? row
    files.set(file, { ...known, documents: known.documents - indexed, excluded: known.excluded + 1 })
    documents.push({ file, id, row: { hash, state: 'excluded' } })
  }

  for (const id of ids) {
    const record = await recordOf(index, directory, id)
    const file = record === null ? null : await fileOf(ledger, record.source)
    if (record === null || file === null) continue
    exclude(file[0], file[1], id, record.contentHash, 1)
    const holder = await ledger.holder(record.contentHash)
    if (holder?.document === id) hashes.set(record.contentHash, null)
  }
  for (const source of await ledger.filesWithDuplicates(new Set(hashes.keys()))) {
    const row = await ledger.file(source)
    if (row === undefined) continue
    for (const [id, { hash, state }] of await ledger.documents(source))
      if (state === 'duplicate' && hashes.has(hash)) exclude(source, row, id, hash, 0)
  }
  // First, so that no run that follows a crash brings back what was removed.
  await ledger.write({ files, documents, hashes })
  const count = await index.remove(directory, ids)
  await index.commit(directory)
  return { ids, count, manifest: await index.compact(directory) }
}
