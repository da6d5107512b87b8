/** `village collection list|show|set|rm`; moving whole collections is in collection-transfer.ts. */

import path from 'node:path'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import { collectionPath, needCollection, noteUnseen, shownName } from './collection-lookup.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { confirm } from './confirm.ts'
import { bytes, count, counted, facts, printable, printableLines, short, table, time } from './format.ts'
import { numberOption } from './knowledge-scope.ts'
import type {
  CollectionView,
  DocumentPassageView,
  DocumentView,
  KnownCollectionView,
  UnreadableCollectionView,
} from './knowledge-views.ts'

const DOCUMENTS_PAGE = 1_000

export async function list(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { collections } = await client.get<{ collections: KnownCollectionView[] }>(
    '/api/v1/knowledge/collections',
  )
  const own = await client.get<{ collections: CollectionView[]; unreadable: UnreadableCollectionView[] }>(
    '/api/v1/collections',
  )
  const problems = own.collections.filter(({ problem }) => problem !== null)
  const text =
    collections.length === 0
      ? 'No collections. `village index PATH --collection NAME` makes one.'
      : table(
          ['NAME', 'ACCESS', 'DOCUMENTS', 'PASSAGES', 'SIZE', 'COPIES', 'LANGUAGES', 'ENCODER'],
          collections.map((one) => [
            shownName(one),
            one.access,
            count(one.documents),
            count(one.chunks),
            bytes(one.sizeBytes),
            copies(one),
            one.languages.join(','),
            one.encoder === null ? '-' : short(one.encoder),
          ]),
          { whole: [0] },
        )
  const lines = [...problems, ...own.unreadable].map(
    ({ id, name, problem }) =>
      `${name ?? id} cannot be read: ${problem?.code} ${printable(problem?.message ?? '')}`,
  )
  const unshared = collections.flatMap(({ name, problem }) =>
    problem === null
      ? []
      : `${name} is not shared as it is now: ${problem.code} ${printable(problem.message)}`,
  )
  return {
    document: { collections, own: own.collections, unreadable: own.unreadable },
    text: [text, ...lines, ...unshared].join('\n'),
  }
}

/** How many members hold each part of it, and whether a part is missing. */
function copies({ access, holdersPresent, missingSegments, segments }: KnownCollectionView): string {
  if (access === 'private') return '-'
  return missingSegments > 0 ? `${missingSegments} of ${segments} parts missing` : String(holdersPresent)
}

function collectionFacts(info: CollectionView): string {
  return facts([
    ['name', info.name],
    ['id', info.id],
    ['access', info.access],
    ['documents', count(info.documents)],
    ['passages', count(info.chunks)],
    ['size', bytes(info.sizeBytes)],
    ['languages', info.languages.join(', ') || '-'],
    ['encoder', info.encoder ?? 'none: it is searched by words alone'],
    ['weight', `${info.weight} of the vectors in a score`],
    ['feedback', info.feedback ? 'queries are expanded by words of the best passages' : 'none'],
    ['candidates', info.candidates === null ? 'by the number of hits' : count(info.candidates)],
    ['replicas', info.access === 'private' ? '-' : String(info.replicas)],
    ['text here', info.keepsCopy ? 'kept' : 'let go when enough members hold it'],
    ...(info.roots.length > 0 ? info.roots : [{ path: 'nothing', prefix: '' }]).map(
      ({ path: at, prefix }, index): [string, string] => [
        index === 0 ? 'indexed' : '',
        prefix === '' ? at : `${prefix} is ${at}`,
      ],
    ),
    ['watched', info.watched.join(', ') || 'nothing'],
    ['created', time(info.createdAtMs)],
    ...(info.problem === null ? [] : [['problem', `${info.problem.code}: ${info.problem.message}`] as const]),
  ])
}

async function documentsOf(client: Client, id: string, most: number): Promise<DocumentView[]> {
  const documents: DocumentView[] = []
  let cursor: string | null = null
  do {
    const limit = Math.min(DOCUMENTS_PAGE, most - documents.length)
    const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) })
    const page: { documents: DocumentView[]; next: string | null } = await client.get(
      `${collectionPath(id)}/documents?${query}`,
    )
    documents.push(...page.documents)
    cursor = page.next
  } while (cursor !== null && documents.length < most)
  return documents
}

function documentText(passages: readonly DocumentPassageView[]): string {
  // Passages overlap: of each only what is behind the one before.
  let end = 0
  const parts: string[] = []
  for (const { start, end: next, text } of passages) {
    if (start > end) parts.push('\n\n')
    if (next > end) parts.push(text.slice(Math.max(0, end - start)))
    end = Math.max(end, next)
  }
  return parts.join('').trim()
}

async function showDocument(client: Client, id: string, document: string): Promise<CommandResult> {
  const given = await client.get<{ record: DocumentView; passages: DocumentPassageView[] }>(
    `${collectionPath(id)}/documents/${encodeURIComponent(document)}`,
  )
  const { record, passages } = given
  const head = facts([
    ['source', record.source],
    ['id', record.id],
    ['title', record.title ?? '-'],
    ['format', record.mediaType],
    ['language', record.language ?? '-'],
    ['size', bytes(record.sizeBytes)],
    ['modified', time(record.modifiedAtMs)],
    ...Object.entries(record.fields).map(([key, value]) => [printable(key), String(value)] as const),
  ])
  return { document: given, text: `${head}\n\n${printableLines(documentText(passages))}` }
}

export async function show(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const [name = '', document] = context.args
  const info = await needCollection(client, name)
  if (document !== undefined) return showDocument(client, info.id, document)
  if (context.options.documents !== true) return { document: info, text: collectionFacts(info) }
  const most = numberOption(context, 'limit') ?? DOCUMENTS_PAGE
  if (!Number.isInteger(most) || most < 1)
    throw new VillageError('USAGE', '--limit takes a whole number above 0')
  const documents = await documentsOf(client, info.id, most)
  const rows = documents.map(({ id, source, title, language, sizeBytes }) => [
    context.columns === null ? id : short(id),
    source,
    title ?? '',
    language ?? '-',
    bytes(sizeBytes),
  ])
  const more = info.documents - documents.length
  return {
    document: { ...info, listed: documents },
    text: [
      table(['ID', 'SOURCE', 'TITLE', 'LANGUAGE', 'SIZE'], rows, {
        whole: [0, 1, 3, 4],
        columns: context.columns ?? Number.POSITIVE_INFINITY,
      }),
      ...(more > 0 ? [`… and ${counted(more, 'document')} more: --limit lists them.`] : []),
    ].join('\n'),
  }
}

export async function set(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const target = collectionPath((await needCollection(client, context.args[0] ?? '')).id)
  const access = optionText(context, 'access')
  const replicas = numberOption(context, 'replicas')
  const weight = numberOption(context, 'weight')
  const candidates = numberOption(context, 'candidates')
  const unwatched = optionText(context, 'unwatch')
  const { keep, feedback } = context.options
  const changes = {
    ...(access === null ? {} : { access }),
    ...(replicas === null ? {} : { replicas }),
    ...(weight === null ? {} : { weight }),
    ...(candidates === null ? {} : { candidates }),
    ...(typeof feedback === 'boolean' ? { feedback } : {}),
    ...(typeof keep === 'boolean' ? { keepsCopy: keep } : {}),
  }
  if (Object.keys(changes).length === 0 && unwatched === null)
    throw new VillageError('USAGE', 'Nothing to change was given')
  let info: CollectionView | null = null
  if (unwatched !== null)
    info = await client.send('POST', `${target}/unwatch`, { path: path.resolve(unwatched) })
  if (Object.keys(changes).length > 0) info = await client.send<CollectionView>('PUT', target, changes)
  if (access !== null) await noteUnseen(context, client, access)
  return { document: info, text: info === null ? '' : collectionFacts(info) }
}

export async function remove(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const name = context.args[0] ?? ''
  const info = await needCollection(client, name).catch((error: unknown) => {
    if (error instanceof VillageError && error.code === 'COLLECTION_CORRUPT') return null
    throw error
  })
  const { document: given } = context.options
  const documents = Array.isArray(given) ? (given as readonly string[]) : []
  if (info === null) {
    if (documents.length > 0) throw new VillageError('COLLECTION_CORRUPT')
    await confirm(context, `Remove the collection ${name}, which cannot be read, with all its text?`)
    await client.send('DELETE', collectionPath(name))
    return { document: { removed: name }, text: `${printable(name)} is removed.` }
  }
  const everywhere = info.access === 'private' ? '' : ', here and from the members that hold copies'
  if (documents.length > 0) {
    await confirm(context, `Remove ${documents.join(', ')} from ${info.name}${everywhere}?`)
    const answer = await client.send<{ removed: number }>(
      'POST',
      `${collectionPath(info.id)}/documents/remove`,
      {
        documents,
      },
    )
    // It is easily taken for gone for good.
    if (info.roots.length > 0)
      context.note(
        'Files on the disk stay: watching does not bring them back, `village index` of their folder does, unless --exclude leaves them out.',
      )
    return { document: answer, text: `${counted(answer.removed, 'document')} removed from ${info.name}.` }
  }
  await confirm(
    context,
    `Remove the collection ${info.name} (${counted(info.documents, 'document')})${everywhere}?`,
  )
  await client.send('DELETE', collectionPath(info.id))
  return { document: { removed: info.id, name: info.name }, text: `${info.name} is removed.` }
}
