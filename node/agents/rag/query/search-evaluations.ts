/** Measures search on judged queries: over a folder in BEIR's layout, or over a collection; and tunes a collection's weight by them. */
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import {
  type JudgedQuery,
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../../compute/evaluate/judged-collection.ts'
import { spread } from '../../../compute/evaluate/suite-data.ts'
import { VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { CollectionInfo } from '../collections/collection.ts'
import type { CollectionEncoder } from '../collections/collection-encoder.ts'
import type { Collections } from '../collections/collections.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { SearchBackend } from '../search-types.ts'
import { createPassageEmbedder } from '../vectors/embed-passages.ts'
import { embedQuery } from './embed-query.ts'
import { evaluateRanking, type RankingReport } from './evaluate-ranking.ts'
import { indexJudgedDocuments, judgedDocumentId } from './judged-index.ts'
import { judgedNames } from './judged-names.ts'
import { createLocalBackend } from './local-backend.ts'
import { planQuery } from './plan-query.ts'
import { rankPassages } from './rank-passages.ts'
import type { Search } from './search.ts'
import type { SearchCollection } from './search-options.ts'
import { gainsByDocument, type TunedWeight, type TuningQuery, tuneWeight } from './tune-weight.ts'

export type Ranker = 'bm25' | 'vectors' | 'hybrid'
export const RANKERS: readonly Ranker[] = ['bm25', 'vectors', 'hybrid']

export interface RankerChoice {
  readonly ranker: Ranker
  readonly feedback?: boolean
  /** Share of the vectors; the collection's own, and 0.5 for a folder, where it is absent. */
  readonly weight?: number
  /** Of the judged queries, so many, evenly spread; all by default. */
  readonly limit?: number
}

export interface SearchEvaluation extends RankingReport {
  readonly ranker: Ranker
  readonly feedback: boolean
  readonly weight: number | null
  readonly encoder: string | null
  readonly documents: number
  readonly chunks: number
  /** 0 where the collection was there already. */
  readonly indexSeconds: number
}

/** An indexed folder that can be asked more than once. */
export interface OpenJudgedFolder {
  readonly documents: number
  readonly indexSeconds: number
  /** `queries` are ids of judged ones, all by default; of those, `limit`. */
  measure(
    choice: RankerChoice & { readonly candidates?: number },
    signal: AbortSignal,
    queries?: readonly string[],
  ): Promise<RankingReport & Pick<SearchEvaluation, 'ranker' | 'feedback' | 'weight' | 'encoder'>>
  /** Removes the index. */
  close(): Promise<void>
}

export interface SearchEvaluations {
  /** As evaluateFolder(), to be measured several times. `vectors` false: an index of words alone. */
  openFolder(
    folder: string,
    init: { readonly vectors: boolean; readonly encoder?: string; readonly language?: string },
    signal: AbortSignal,
  ): Promise<OpenJudgedFolder>
  /**
   * Indexes `corpus.jsonl` of a folder in a temporary directory, a document a chunk. `encoder` is a model of this node, the one that
   * comes with the daemon where it is absent. Throws FILE_UNREADABLE, EVALUATION_DATA_INVALID naming file and line, what
   * embedding throws, and the signal's reason.
   */
  evaluateFolder(
    folder: string,
    choice: RankerChoice & { encoder?: string; language?: string },
    signal: AbortSignal,
  ): Promise<SearchEvaluation>
  /** The queries and judgements of a folder, over a collection of this node. Throws also COLLECTION_UNKNOWN, JUDGEMENTS_UNMATCHED. */
  evaluateCollection(
    collection: string,
    folder: string,
    choice: RankerChoice,
    signal: AbortSignal,
  ): Promise<SearchEvaluation>
  /**
   * Finds the weight of the vectors by judged queries and keeps it where it gains on queries that it was not chosen by. Throws also
   * JUDGEMENTS_TOO_FEW, SEARCH_WITHOUT_VECTORS.
   */
  tune(
    collection: string,
    folder: string,
    signal: AbortSignal,
  ): Promise<TunedWeight & { readonly isSaved: boolean }>
}

interface Components {
  readonly search: Search
  readonly encoder: CollectionEncoder
  readonly index: IndexHost
  readonly collections: Pick<Collections, 'need' | 'update' | 'documents' | 'indexDirectory'>
  readonly log: Log
}

const DEFAULT_WEIGHT = 0.5
const MIN_TUNING_QUERIES = 10
const TUNING_SEED = 1

/** `directory` is for indexes that are thrown away. */
export function createSearchEvaluations(
  components: Components,
  init: { directory: string; peer: string },
): SearchEvaluations {
  const { search, encoder: encoders, index, collections, log } = components
  let last = 0
  let cleaned: Promise<void> | undefined

  /** A directory of its own for each use, when what a killed daemon left is gone. */
  async function temporaryDirectory(): Promise<string> {
    cleaned ??= rm(init.directory, { recursive: true, force: true })
    await cleaned
    await mkdir(init.directory, { recursive: true })
    return path.join(init.directory, `judged-${++last}`)
  }

  async function judgedQueries(
    folder: string,
    info: CollectionInfo,
  ): Promise<{ queries: JudgedQuery[]; idsOf: (document: string) => readonly string[] }> {
    const names = await judgedNames((page) => collections.documents(info.id, page))
    const queries = readJudgedQueries(judgedFiles(folder, { needsCorpus: false }), names.isKnown)
    if (queries.length === 0) throw new VillageError('JUDGEMENTS_UNMATCHED')
    return { queries, idsOf: names.of }
  }

  const backendOf = (name: string, directory: string, encoder: string | null): SearchBackend =>
    createLocalBackend({ host: index }, { indexes: [{ name, directory, encoder }], peer: init.peer })

  const backendOfCollection = (info: CollectionInfo) =>
    backendOf(info.name, collections.indexDirectory(info.id), info.encoder)

  async function measure(
    given: { backend: SearchBackend; collection: SearchCollection; queries: readonly JudgedQuery[] },
    choice: RankerChoice & { readonly candidates?: number },
    judgedIds: (document: string) => readonly string[],
    signal: AbortSignal,
  ): Promise<RankingReport & Pick<SearchEvaluation, 'ranker' | 'feedback' | 'weight' | 'encoder'>> {
    const { backend, collection, queries } = given
    const { ranker, feedback = false } = choice
    const weight = choice.weight ?? collection.weight
    const report = await evaluateRanking(
      { search, backend },
      {
        queries: spread(queries.length, choice.limit).map((at) => queries[at]!),
        judgedIds,
        options: {
          collections: [collection],
          mode: ranker === 'bm25' ? 'lexical' : ranker,
          feedback,
          weight,
          ...(choice.candidates !== undefined && { candidates: choice.candidates }),
        },
      },
      signal,
    )
    const encoder = ranker === 'bm25' ? null : collection.encoder
    return { ...report, ranker, feedback, weight: ranker === 'hybrid' ? weight : null, encoder }
  }

  async function openFolder(
    folder: string,
    init: { readonly vectors: boolean; readonly encoder?: string; readonly language?: string },
    signal: AbortSignal,
  ): Promise<OpenJudgedFolder> {
    const files = judgedFiles(folder, { needsCorpus: true })
    const documents = readJudgedDocuments(files.corpus)
    const known = new Map(documents.map(({ id }) => [judgedDocumentId(id), [id]]))
    const ids = new Set(documents.map(({ id }) => id))
    const queries = readJudgedQueries(files, (id) => ids.has(id))
    if (queries.length === 0) throw new VillageError('JUDGEMENTS_UNMATCHED')
    const startedAt = performance.now()
    const model = init.vectors ? await encoders.resolve(init.encoder, signal) : null
    const encoder = model?.cid ?? null
    const embed =
      model === null ? null : createPassageEmbedder((texts) => encoders.embed(model.cid, texts, signal))
    const language = init.language ?? 'en'
    const directory = await temporaryDirectory()
    const close = () => index.drop(directory).finally(() => rm(directory, { recursive: true, force: true }))
    try {
      await index.create(directory, {
        maxSegmentChunks: Math.max(10_000, documents.length),
        dims: model?.dims ?? null,
      })
      const target = {
        add: (batch: Parameters<IndexHost['add']>[1]) => index.add(directory, batch),
        commit: () => index.commit(directory),
      }
      await indexJudgedDocuments({ target, embed }, documents, { language }, signal)
    } catch (error) {
      await close()
      throw error
    }
    const indexSeconds = (performance.now() - startedAt) / 1000
    log.debug({ documents: documents.length, indexSeconds }, 'judged documents indexed')
    const chunks = documents.length
    const collection = { name: 'judged', languages: [language], encoder, weight: DEFAULT_WEIGHT, chunks }
    const backend = backendOf('judged', directory, encoder)
    return {
      documents: chunks,
      indexSeconds,
      close,
      measure(choice, during, wanted) {
        const byId = new Map(queries.map((query) => [query.id, query]))
        const asked = wanted === undefined ? queries : wanted.flatMap((id) => byId.get(id) ?? [])
        const idsOf = (document: string) => known.get(document) ?? []
        return measure({ backend, collection, queries: asked }, choice, idsOf, during)
      },
    }
  }

  return {
    openFolder,

    async evaluateFolder(folder, choice, signal) {
      const opened = await openFolder(folder, { ...choice, vectors: choice.ranker !== 'bm25' }, signal)
      try {
        const report = await opened.measure(choice, signal)
        const { documents, indexSeconds } = opened
        return { ...report, documents, chunks: documents, indexSeconds }
      } finally {
        await opened.close()
      }
    },

    async evaluateCollection(name, folder, choice, signal) {
      const info = await collections.need(name)
      const { queries, idsOf } = await judgedQueries(folder, info)
      const given = { backend: backendOfCollection(info), collection: info, queries }
      const report = await measure(given, choice, idsOf, signal)
      return { ...report, documents: info.documents, chunks: info.chunks, indexSeconds: 0 }
    },

    async tune(name, folder, signal) {
      const info = await collections.need(name)
      if (info.encoder === null) throw new VillageError('SEARCH_WITHOUT_VECTORS')
      const { queries, idsOf } = await judgedQueries(folder, info)
      if (queries.length < MIN_TUNING_QUERIES)
        throw new VillageError(
          'JUDGEMENTS_TOO_FEW',
          `${queries.length} judged queries have documents in the collection; ${MIN_TUNING_QUERIES} are needed`,
        )
      const backend = backendOfCollection(info)
      const tuning: TuningQuery[] = []
      for (const query of queries) {
        const plan = planQuery({ text: query.text, collections: [info], syntax: 'plain', perDocument: 1 })
        const vector = embedQuery({ embed: encoders.embed, log }, { ...plan, mode: 'vectors' }, signal)
        const rankInit = {
          plan,
          vector: vector.then((made) => made.vector),
          feedback: false,
          weightOf: () => info.weight,
        }
        const { outcome } = await rankPassages(backend, rankInit, signal)
        tuning.push({ outcome, relevant: gainsByDocument(outcome, query.relevant, idsOf) })
      }
      const tuned = tuneWeight(tuning, { current: info.weight, seed: TUNING_SEED })
      const isSaved = tuned.isBetter && tuned.best !== info.weight
      if (isSaved) await collections.update(info.id, { weight: tuned.best })
      log.info({ collection: info.id, queries: queries.length, weight: tuned.best, isSaved }, 'weight tuned')
      return { ...tuned, isSaved }
    },
  }
}
