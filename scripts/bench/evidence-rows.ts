/**
 * Questions with the evidence that the search gives for them, where the index holds an answer and where it does not: what the confidence
 * of answers is fitted on and measured by. Every second claim of SciFact and half of the docs' questions are held out of the fit.
 */
import {
  EVIDENCE_NAMES,
  EVIDENCE_PASSAGES,
  type Evidence,
  evidenceOf,
} from '../../node/agents/rag/answers/confidence.ts'
import { questionWords } from '../../node/agents/rag/answers/question-words.ts'
import { readPassage } from '../../node/agents/rag/answers/read-passages.ts'
import type { Search } from '../../node/agents/rag/query/search.ts'
import type { SearchMode } from '../../node/agents/rag/query/search-options.ts'
import type { SearchBackend } from '../../node/agents/rag/search-types.ts'
import type { AnswerCollection } from './answer-collections.ts'
import type { DocsCollection } from './docs-collection.ts'
import { ENCODER } from './indexed-collection.ts'
import { fitLogistic, type Logistic } from './logistic.ts'

export type EvidenceSet = 'scifact' | 'cranfield' | 'docs' | 'page'

/** What of the index: `answered` holds what was judged to answer, all others do not. */
export type EvidenceKind =
  | 'answered'
  | 'taken out'
  | 'other matter'
  | 'docs'
  | 'page out'
  | 'passage out'
  | 'near miss'
  | 'other subject'
  | 'other page'

export interface EvidenceRow {
  readonly set: EvidenceSet
  readonly kind: EvidenceKind
  readonly mode: SearchMode
  readonly isHeldOut: boolean
  /** Null where nothing at all is found: that needs no model. */
  readonly evidence: Evidence | null
}

export interface Collections {
  readonly scifact: AnswerCollection
  readonly cranfield: AnswerCollection
  readonly docs: DocsCollection
}

export const MODES: readonly SearchMode[] = ['lexical', 'hybrid']

export const searchCollection = (name: string, chunks: number) => ({
  name,
  languages: ['en'],
  encoder: ENCODER,
  weight: 0.5,
  chunks,
})

interface Look {
  readonly kind: EvidenceKind
  readonly set?: EvidenceSet
  readonly backend: SearchBackend
  readonly chunks: number
}

export async function evidenceRows(
  search: Search,
  { scifact, cranfield, docs }: Collections,
  signal: AbortSignal,
): Promise<EvidenceRow[]> {
  const rows: EvidenceRow[] = []
  async function look(question: string, looks: readonly Look[], own: Pick<EvidenceRow, 'set' | 'isHeldOut'>) {
    signal.throwIfAborted()
    for (const { kind, backend, chunks, set = own.set } of looks)
      for (const mode of MODES) {
        const collections = [searchCollection(set, chunks)]
        const limit = EVIDENCE_PASSAGES
        const found = await search.search(
          backend,
          { text: question, syntax: 'plain', mode, limit, collections },
          signal,
        )
        const passages = found.hits.map(readPassage)
        const words = questionWords(question, ['en'], found)
        const evidence = passages.length === 0 ? null : evidenceOf({ question, words, passages, found })
        rows.push({ ...own, set, kind, mode, evidence })
      }
  }
  for (const [own, other] of [
    [scifact, cranfield],
    [cranfield, scifact],
  ] as const)
    for (const [index, { text, relevant }] of own.queries.entries())
      await look(
        text,
        [
          { kind: 'answered', backend: own.backend, chunks: own.chunks },
          { kind: 'taken out', backend: own.without(relevant.keys()), chunks: own.chunks },
          { kind: 'other matter', backend: other.backend, chunks: other.chunks },
          { kind: 'docs', backend: docs.backend, chunks: docs.chunks },
        ],
        { set: own === scifact ? 'scifact' : 'cranfield', isHeldOut: own === scifact && index % 2 === 1 },
      )
  for (const [index, { kind, question, split, sources = [], answer = '' }] of docs.questions.entries()) {
    const { chunks } = docs
    const others = docs.pages.filter((page) => !sources.includes(page))
    const one = docs.only([others[(index * 7) % others.length]!])
    const looks: Look[] =
      kind === 'answered'
        ? [
            { kind, backend: docs.backend, chunks },
            { kind: 'page out', backend: docs.without(sources), chunks },
            { kind: 'passage out', backend: docs.withoutPassages(answer), chunks },
            { kind, set: 'page', backend: docs.only(sources), chunks },
            { kind: 'other page', set: 'page', backend: one, chunks },
          ]
        : [
            { kind, backend: docs.backend, chunks },
            { kind, set: 'page', backend: one, chunks },
          ]
    looks.push({ kind: 'other matter', backend: scifact.backend, chunks: scifact.chunks })
    await look(question, looks, { set: 'docs', isHeldOut: split === 'held-out' })
  }
  return rows
}

/** How much a set counts in the fit. */
const SET_WEIGHTS: Readonly<Record<EvidenceSet, number>> = { scifact: 1, cranfield: 0.6, docs: 1, page: 0.6 }
/**
 * Of the unanswered ones of a set. Cranfield's judgements are incomplete, and what is left when the judged documents are out often
 * answers; so does another page of the docs.
 */
const KIND_WEIGHTS: Partial<Record<EvidenceKind, number>> = {
  'taken out': 0.7,
  'page out': 0.7,
  'passage out': 0,
  'near miss': 1.5,
}
const CRANFIELD_TAKEN_OUT = 0.2
/** How much all unanswered ones of a set weigh, to its answered ones: in the docs a wrong answer costs more than none. */
const UNANSWERED: Readonly<Record<EvidenceSet, number>> = { scifact: 1, cranfield: 1, docs: 2, page: 1 }
/** Features are shares: hardly any, so that small ones may weigh much. */
const RIDGE = 1e-5

function weightOf(row: EvidenceRow): number {
  if (row.set === 'cranfield' && row.kind === 'taken out') return CRANFIELD_TAKEN_OUT
  return KIND_WEIGHTS[row.kind] ?? 1
}

export const featuresOf = (evidence: Evidence): number[] => EVIDENCE_NAMES.map((name) => evidence[name])

/** Rows that are not held out; each kind counts by its weight whatever its number. */
export function fitConfidence(rows: readonly EvidenceRow[]): Logistic {
  const own = rows.filter(({ isHeldOut, evidence }) => !isHeldOut && evidence !== null)
  const counts = Map.groupBy(own, ({ set, kind }) => `${set} ${kind}`)
  const samples = own.map((row) => {
    const kinds = [...counts.values()].map((those) => those[0]!).filter(({ set }) => set === row.set)
    const unanswered = kinds.filter(({ kind }) => kind !== 'answered')
    const sum = unanswered.reduce((total, one) => total + weightOf(one), 0)
    const isPositive = row.kind === 'answered'
    const share = isPositive ? 1 : (UNANSWERED[row.set] * weightOf(row)) / sum
    const weight = (SET_WEIGHTS[row.set] * share) / counts.get(`${row.set} ${row.kind}`)!.length
    return { features: featuresOf(row.evidence!), isPositive, weight }
  })
  return fitLogistic(samples, RIDGE)
}
