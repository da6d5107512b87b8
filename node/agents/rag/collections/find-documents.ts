/** Finds documents of a collection by what people call them. */
import { VillageError } from '../../../errors.ts'
import { nearest } from '../../../nearest.ts'
import type { IndexHost } from '../index/index-host.ts'
import { documentId, isCollectionId } from './collection.ts'
import type { FileLedger } from './file-ledger.ts'

export interface CollectionPlace {
  readonly documentBase: string
  /** Of the index. */
  readonly directory: string
}

const PAGE = 1_000
/** Sources that are looked through for one that may have been meant, and of these those that are compared letter by letter. */
const MOST_COMPARED = 50_000
const MOST_SPELT = 2_000
const MOST_NAMED = 3
const ID_DIGITS = 32

/** The id before another one in order: a page after it begins with that one. */
function before(id: string): string {
  const number = BigInt(`0x${id}`)
  return number === 0n ? '' : (number - 1n).toString(16).padStart(ID_DIGITS, '0')
}

/** Null where the index has no such document. */
export async function recordOf(index: Pick<IndexHost, 'documents'>, directory: string, id: string) {
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

/** Sources of documents, in no order that means anything; of a large collection the first. */
async function sourcesOf(index: Pick<IndexHost, 'documents'>, directory: string): Promise<string[]> {
  const sources: string[] = []
  for (let after = ''; sources.length < MOST_COMPARED; ) {
    const page = await index.documents(directory, { ...(after === '' ? {} : { after }), limit: PAGE })
    sources.push(...page.map(({ source }) => source))
    if (page.length < PAGE) break
    after = page.at(-1)!.id
  }
  return sources
}

/** With the sources that may be meant: those that end so, else the one that is spelt nearly so. */
async function unknownDocument(
  index: Pick<IndexHost, 'documents'>,
  directory: string,
  given: string,
): Promise<VillageError> {
  const sources = await sourcesOf(index, directory)
  const within = sources.filter((source) => source.endsWith(`/${given}`))
  const near = within.length > 0 ? null : nearest(given, sources.slice(0, MOST_SPELT))
  const meant = near === null ? within.slice(0, MOST_NAMED) : [near]
  const hint =
    meant.length === 0 ? '' : `; did you mean ${meant.map((source) => `"${source}"`).join(' or ')}?`
  return new VillageError('DOCUMENT_UNKNOWN', `There is no document "${given}" in the collection${hint}`, {
    fields: { document: given, suggestion: meant[0] ?? null },
  })
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
    if (named.length === 0) throw await unknownDocument(components.index, place.directory, given)
    for (const id of named) found.add(id)
  }
  return [...found]
}
