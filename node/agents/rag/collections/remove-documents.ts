/** Takes documents out of a collection by hand: their text leaves the disk, and an unchanged folder does not bring them back. */
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import type { DocumentRow, FileLedger, FileRow, HashRow } from './file-ledger.ts'
import { type CollectionPlace, findDocuments, recordOf } from './find-documents.ts'

interface Components {
  readonly index: Pick<IndexHost, 'documents' | 'remove' | 'commit' | 'compact'>
  readonly ledger: FileLedger
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

  const exclude = (
    file: string,
    row: FileRow,
    id: string,
    { hash, state }: { hash: string; state: 'indexed' | 'duplicate' },
  ) => {
    const known = files.get(file) ?? row
    files.set(file, {
      ...known,
      documents: known.documents - (state === 'indexed' ? 1 : 0),
      duplicates: known.duplicates - (state === 'duplicate' ? 1 : 0),
      excluded: known.excluded + 1,
    })
    documents.push({ file, id, row: { hash, state: 'excluded' } })
  }

  for (const id of ids) {
    const record = await recordOf(index, directory, id)
    const file = record === null ? null : await fileOf(ledger, record.source)
    if (record === null || file === null) continue
    exclude(file[0], file[1], id, { hash: record.contentHash, state: 'indexed' })
    const holder = await ledger.holder(record.contentHash)
    if (holder?.document === id) hashes.set(record.contentHash, null)
  }
  for (const source of await ledger.filesWithDuplicates(new Set(hashes.keys()))) {
    const row = await ledger.file(source)
    if (row === undefined) continue
    for (const [id, { hash, state }] of await ledger.documents(source))
      if (state === 'duplicate' && hashes.has(hash)) exclude(source, row, id, { hash, state })
  }
  // First, so that no run that follows a crash brings back what was removed.
  await ledger.write({ files, documents, hashes })
  const count = await index.remove(directory, ids)
  await index.commit(directory)
  return { ids, count, manifest: await index.compact(directory) }
}
