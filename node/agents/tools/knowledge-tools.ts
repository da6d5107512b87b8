/** Tools over the collections: search, list, index. Answers to questions have their own file (knowledge-ask.ts). */
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { Villages } from '../../mesh/membership/villages.ts'
import type { Collections } from '../rag/collections/collections.ts'
import { withPeers } from '../rag/village/collection-names.ts'
import type { Knowledge } from '../rag/village/knowledge.ts'
import type { KnownCollection } from '../rag/village/known-collection.ts'
import {
  AT_ONCE,
  counted,
  own,
  several,
  takes,
  tool,
  untrusted,
  whole,
  words,
  yesOrNo,
} from './define-tool.ts'
import { ownPath } from './own-path.ts'
import type { Tool, ToolContext } from './tool.ts'
import { type IndexComponents, waitForIndex } from './wait-index.ts'

/** What says which collections there are, and whose. */
export interface ScopeComponents {
  readonly knowledge: Pick<Knowledge, 'collections'>
  readonly villages: Pick<Villages, 'members'>
}

export interface KnowledgeToolComponents extends IndexComponents, ScopeComponents {
  readonly knowledge: Pick<Knowledge, 'search' | 'collections'>
  readonly collections: Pick<
    Collections,
    'get' | 'create' | 'remove' | 'index' | 'runs' | 'needRun' | 'cancelRun'
  >
  readonly events: Pick<Events, 'subscribe'>
}

const HITS = 6
const MAX_HITS = 20
const MAX_PASSAGE_UNITS = 2_000
const COLLECTION = words('Name of a collection: `notes`, or `notes@member` of another member.', 256)

/** What the asker may see: never a private collection for another member, or for an endpoint that is not to see them. */
export async function visibleCollections(
  { knowledge }: Pick<ScopeComponents, 'knowledge'>,
  { seesPrivate }: Pick<ToolContext, 'seesPrivate'>,
): Promise<KnownCollection[]> {
  const all = await knowledge.collections()
  return all.filter(({ isOwn, access }) => seesPrivate || !isOwn || access !== 'private')
}

/**
 * The collections that a search may name; undefined: all. A private one that is withheld is as unknown as one that is not there: whoever may
 * not see it does not learn of it either. Throws COLLECTION_UNKNOWN, KNOWLEDGE_EMPTY.
 */
export async function visibleScope(
  components: ScopeComponents,
  context: Pick<ToolContext, 'seesPrivate'>,
  given: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  const named = given === undefined ? undefined : withPeers(given, components.villages.members())
  if (context.seesPrivate) return named
  const visible = await visibleCollections(components, context)
  const unknown = named?.find(
    (name) => !visible.some(({ id, name: own, label }) => [id, own, label].includes(name)),
  )
  if (unknown !== undefined)
    throw new VillageError('COLLECTION_UNKNOWN', undefined, {
      fields: { collection: unknown.slice(0, 256) },
    })
  if (visible.length === 0) throw new VillageError('KNOWLEDGE_EMPTY')
  return named ?? visible.map(({ id }) => id)
}

/** For the summary: why others were not asked. */
export const hereOnly = ({ staysHere }: Pick<ToolContext, 'staysHere'>): string =>
  staysHere ? ' (of this node alone: the words are not the asker’s own)' : ''

interface SearchGiven {
  readonly query: string
  readonly collection?: string
  readonly limit?: number
  readonly local?: boolean
}

export function knowledgeTools(components: KnowledgeToolComponents): Tool[] {
  const { knowledge, collections } = components

  /** The own collection of that name; it is made where there is none. */
  async function ensureCollection(name: string): Promise<{ id: string; name: string; isNew: boolean }> {
    const known = await collections.get(name)
    if (known !== null) return { id: known.id, name: known.name, isNew: false }
    const made = await collections.create({ name })
    return { id: made.id, name: made.name, isNew: true }
  }

  /** What was made for an index that failed goes again, unless something is in it or still comes. */
  async function removeUnused(id: string): Promise<void> {
    const made = await collections.get(id)
    const isAtWork = collections
      .runs()
      .some(({ collection, state }) => collection === id && (state === 'waiting' || state === 'running'))
    if (made !== null && made.documents === 0 && !isAtWork) await collections.remove(id)
  }

  return [
    tool<SearchGiven>({
      name: 'knowledge_search',
      description:
        'Searches the collections of this node and of the village for passages. Gives texts of documents with their sources.',
      parameters: takes(
        {
          query: words('What to look for; "quotes", +must and -not mean something.', 2048),
          collection: COLLECTION,
          limit: whole(`Passages at most; ${HITS} by default.`, 1, MAX_HITS),
          local: yesOrNo('Only what lies on this node.'),
        },
        'query',
      ),
      effect: 'read',
      scope: 'ask',
      cost: { latencyMs: 200, cpuSeconds: 0.1, leavesNode: true },
      async run({ query, collection, limit = HITS, local }, context) {
        const scope = await visibleScope(
          components,
          context,
          collection === undefined ? undefined : [collection],
        )
        const { hits, missing } = await knowledge.search(
          {
            text: query,
            limit,
            ...(scope !== undefined && { collections: scope }),
            ...((context.staysHere || local !== undefined) && { isLocal: context.staysHere || local }),
          },
          context.signal,
        )
        const passages = hits.map((hit): JsonObject => {
          const {
            collection: from,
            document,
            title,
            headings,
            page,
            start,
            end,
            text,
            score,
            vouchedBy,
          } = hit
          return {
            ...{ rank: hit.rank, collection: from, document, source: hit.record.source, title },
            ...{ headings, page, start, end, score, vouchedBy },
            ...{ wordsFound: hit.wordsFound, wordsAsked: hit.wordsAsked },
            text: text.slice(0, MAX_PASSAGE_UNITS),
            isCut: text.length > MAX_PASSAGE_UNITS,
          }
        })
        return untrusted(`${counted(passages.length, 'passage')}${hereOnly(context)}`, {
          passages,
          ...(context.staysHere && { askedOnly: 'this node' }),
          missing: [...new Set(missing.map((part) => part.collection))],
        })
      },
    }),
    tool<Record<string, never>>({
      name: 'knowledge_collections',
      description: 'Lists the collections that can be searched: own ones and those of other members.',
      parameters: takes({}),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run(_given, context) {
        const visible = await visibleCollections(components, context)
        const shown = visible.map(
          ({ label, owner, isOwn, access, languages, documents, chunks, sizeBytes }): JsonObject => ({
            ...{ collection: label, owner, isOwn, access, languages },
            ...{ documents, passages: chunks, sizeBytes },
          }),
        )
        return untrusted(counted(shown.length, 'collection'), { collections: shown })
      },
    }),
    tool<{ path: string; collection: string; watch?: boolean; include?: readonly string[] }>({
      name: 'knowledge_index',
      description:
        'Indexes a file or a folder of this machine into a collection (it is made, private, where there is none) and waits until it can be searched.',
      parameters: takes(
        {
          path: words('Absolute path of a file or folder, or ~/…', 4096),
          collection: words('Name of an own collection.', 128),
          watch: yesOrNo('Follow its changes from now on.'),
          include: several(words('A glob such as **/*.md.', 256), 1, 32),
        },
        'path',
        'collection',
      ),
      effect: 'change',
      scope: 'operate',
      cost: { latencyMs: 30_000, cpuSeconds: 30, leavesNode: false },
      async run({ path, collection, watch, include }, context) {
        context.signal.throwIfAborted()
        const place = ownPath(path, 'path')
        const { id, name, isNew } = await ensureCollection(collection)
        const indexed = async () => {
          const begun = await collections.index(id, {
            paths: [place],
            ...(watch !== undefined && { watch }),
            ...(include !== undefined && { include }),
          })
          return { run: begun.id, ...(await waitForIndex(components, begun.id, context)) }
        }
        const { run, report, files } = await indexed().catch(async (error: unknown) => {
          if (isNew) await removeUnused(id)
          throw error
        })
        const { added, changed, unchanged, removed, skipped, chunks } = report
        const documents = added + changed + unchanged
        return own(`${counted(documents, 'document')} of ${counted(files, 'file')} in "${name}"`, {
          ...{ collection: name, isNew, run, files, documents },
          ...{ added, changed, unchanged, removed, skipped, passages: chunks },
          // Names of files are not this node's words; the codes are.
          skippedFor: Object.fromEntries(
            [...Map.groupBy(report.skippedSources, ({ code }) => code)].map(([code, all]) => [
              code,
              all.length,
            ]),
          ),
        })
      },
    }),
  ]
}
