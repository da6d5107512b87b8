/**
 * Collections and their documents as resources of MCP. What a document says is given as it is: data, which the client's model reads at
 * its own risk, as every resource.
 */
import type { ReadResourceResult, Resource, ResourceTemplate } from '@modelcontextprotocol/sdk/types.js'
import type { Collections } from '../../agents/rag/collections/collections.ts'
import { VillageError } from '../../errors.ts'

const SCHEME = 'village://collection/'
const DOCUMENTS_PAGE = 500
/** Text of a document that one reading gives. */
const MAX_TEXT_UNITS = 2 ** 20
const PAGE = 100

export type ResourceCollections = Pick<Collections, 'list' | 'need' | 'documents' | 'document'>

export const RESOURCE_TEMPLATES: readonly ResourceTemplate[] = [
  {
    name: 'documents',
    uriTemplate: `${SCHEME}{collection}{?after}`,
    description: `The documents of a collection, ${DOCUMENTS_PAGE} at a time: the next ones come after the id that "after" names.`,
    mimeType: 'application/json',
  },
  {
    name: 'document',
    uriTemplate: `${SCHEME}{collection}/{document}`,
    description: 'The text of a document, by its id.',
    mimeType: 'text/plain',
  },
  {
    name: 'passage',
    uriTemplate: `${SCHEME}{collection}/{document}#{start}-{end}`,
    description: 'A passage of a document, by the offsets that citations give.',
    mimeType: 'text/plain',
  },
]

/** One page of the list. `cursor`: the id of the last collection of the page before. */
export async function listResources(
  collections: ResourceCollections,
  cursor: string | undefined,
): Promise<{ resources: Resource[]; nextCursor?: string }> {
  const all = [...(await collections.list())].sort((a, b) => (a.id < b.id ? -1 : 1))
  const from = cursor === undefined ? all : all.filter(({ id }) => id > cursor)
  const page = from.slice(0, PAGE)
  const last = from.length > PAGE ? page.at(-1) : undefined
  return {
    resources: page.map(({ id, name, documents, access }) => ({
      uri: `${SCHEME}${id}`,
      name,
      description: `A collection (${access}); documents: ${documents}.`,
      mimeType: 'application/json',
    })),
    ...(last !== undefined && { nextCursor: last.id }),
  }
}

interface Place {
  readonly collection: string
  readonly document: string | null
  readonly after: string | null
  readonly span: readonly [number, number] | null
}

/** Null where it names nothing of ours. */
export function readUri(uri: string): Place | null {
  const match =
    /^village:\/\/collection\/([^/?#]{1,256})(?:\/([^/?#]{1,1024}))?(?:\?after=([0-9a-f]{32}))?(?:#(\d{1,9})-(\d{1,9}))?$/.exec(
      uri,
    )
  if (match === null) return null
  const [, collection, document, after, start, end] = match
  if (start !== undefined && document === undefined) return null
  try {
    return {
      collection: decodeURIComponent(collection!),
      document: document === undefined ? null : decodeURIComponent(document),
      after: after ?? null,
      span: start === undefined ? null : [Number(start), Number(end)],
    }
  } catch {
    return null // an escape that is none
  }
}

async function documentList(
  collections: ResourceCollections,
  { collection, after }: Place,
): Promise<{ text: string; mimeType: string }> {
  const { id, name } = await collections.need(collection)
  const records = await collections.documents(id, {
    limit: DOCUMENTS_PAGE,
    ...(after !== null && { after }),
  })
  const documents = records.map((record) => ({
    uri: `${SCHEME}${id}/${record.id}`,
    ...{ source: record.source, title: record.title, language: record.language },
    ...{ mediaType: record.mediaType, sizeBytes: record.sizeBytes },
  }))
  const next = records.length < DOCUMENTS_PAGE ? null : `${SCHEME}${id}?after=${records.at(-1)?.id ?? ''}`
  return { text: JSON.stringify({ collection: name, documents, next }), mimeType: 'application/json' }
}

async function documentText(
  collections: ResourceCollections,
  place: Place & { document: string },
): Promise<{ text: string; mimeType: string }> {
  const chunks = await collections.document(place.collection, place.document)
  const [from, to] = place.span ?? [0, Number.POSITIVE_INFINITY]
  let text = ''
  let end = from
  for (const chunk of chunks) {
    // Passages may overlap by what they repeat of each other.
    const start = Math.max(end, chunk.start)
    const stop = Math.min(to, chunk.end)
    if (stop <= start) continue
    if (text !== '' && start > end) text += '\n\n'
    text += chunk.text.slice(start - chunk.start, stop - chunk.start)
    end = stop
  }
  if (text.length > MAX_TEXT_UNITS)
    throw new VillageError(
      'FILE_TOO_LARGE',
      `The document has ${text.length} characters; passages of it can be read by their offsets (#start-end)`,
      { fields: { limit: MAX_TEXT_UNITS } },
    )
  return { text, mimeType: 'text/plain' }
}

/** Throws NOT_FOUND, COLLECTION_UNKNOWN, DOCUMENT_UNKNOWN, COLLECTION_SPREAD, FILE_TOO_LARGE. */
export async function readResource(
  collections: ResourceCollections,
  uri: string,
): Promise<ReadResourceResult> {
  const place = readUri(uri)
  if (place === null) throw new VillageError('NOT_FOUND', 'There is no resource of this URI')
  const { document } = place
  const contents =
    document === null
      ? await documentList(collections, place)
      : await documentText(collections, { ...place, document })
  return { contents: [{ uri, ...contents }] }
}
