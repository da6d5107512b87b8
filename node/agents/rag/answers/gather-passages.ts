/**
 * Passages for a question: one search for the question itself, one for its words without those that only make it a question, one for each
 * further query, and a second round where the best passages lack words of the question. The lists become one by reciprocal rank fusion (Cormack, Clarke and Büttcher 2009: Σ 1/(60 + rank)); all are
 * rankings of one set of collections.
 */
import { capByDocument } from '../query/fuse.ts'
import { joinMissing } from '../query/rank-passages.ts'
import type { SearchAnswer, SearchHit } from '../query/search-answer.ts'
import type { MissingPart } from '../search-types.ts'
import type { Knowledge, KnowledgeSearchOptions } from '../village/knowledge.ts'
import { EVIDENCE_PASSAGES } from './confidence.ts'
import { matterOf } from './function-words.ts'
import { questionWords } from './question-words.ts'
import { type ReadPassage, readPassage } from './read-passages.ts'

export interface GatheredPassages {
  /** Of the question itself. */
  readonly found: SearchAnswer
  /** The best of them, few of a document: confidence is calibrated on these. */
  readonly own: readonly ReadPassage[]
  /** Fused: what an answer is chosen from. */
  readonly passages: readonly ReadPassage[]
  /** What was searched, the question first. */
  readonly queries: readonly string[]
  readonly missing: readonly MissingPart[]
}

export type PassageScope = Omit<KnowledgeSearchOptions, 'text' | 'syntax'> & { readonly perDocument: number }

const RANK_CONSTANT = 60
/** Passages that are looked at for the words of the question. */
const FIRST = 5
const MAX_QUERIES = 3
const EVIDENCE_PER_DOCUMENT = 2

const keyOf = ({ segment, chunk }: SearchHit): string => `${segment}:${chunk}`

/** By the sum of 1/(60 + rank); ties in the order of the lists. At most `limit`, and `perDocument` of a document. */
export function fuseHits(
  lists: readonly (readonly SearchHit[])[],
  { limit, perDocument }: { readonly limit: number; readonly perDocument: number },
): SearchHit[] {
  const sums = new Map<string, { hit: SearchHit; sum: number }>()
  for (const list of lists)
    for (const [index, hit] of list.entries()) {
      const known = sums.get(keyOf(hit))
      const share = 1 / (RANK_CONSTANT + index + 1)
      if (known === undefined) sums.set(keyOf(hit), { hit, sum: share })
      else known.sum += share
    }
  const counts = new Map<string, number>()
  return [...sums.values()]
    .sort((a, b) => b.sum - a.sum)
    .map(({ hit }) => hit)
    .filter(({ collection, document }) => {
      const key = `${collection} ${document}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
      return counts.get(key)! <= perDocument
    })
    .slice(0, limit)
}

/** Words that the collections have and the best passages lack. */
function wordsLacking(question: string, found: SearchAnswer, own: readonly ReadPassage[]): string[] {
  const frequencies = new Map(found.terms.map(({ term, documentFrequency }) => [term, documentFrequency]))
  const languages = [...new Set(found.hits.flatMap(({ language }) => language ?? []))]
  const first = own.slice(0, FIRST)
  return questionWords(question, languages, found)
    .filter(
      ({ terms }) =>
        terms.some((term) => (frequencies.get(term) ?? 0) > 0) &&
        !first.some((passage) => terms.some((term) => passage.terms.has(term))),
    )
    .map(({ text }) => text)
}

/** Throws what Knowledge.search throws for the question itself. */
export async function gatherPassages(
  { knowledge }: { readonly knowledge: Pick<Knowledge, 'search'> },
  given: { readonly question: string; readonly queries: readonly string[]; readonly scope: PassageScope },
  signal: AbortSignal,
): Promise<GatheredPassages> {
  const { question, scope } = given
  const search = (text: string, more: Partial<KnowledgeSearchOptions> = {}) =>
    knowledge.search({ ...scope, ...more, text, syntax: 'plain' }, signal)
  const queries = [...new Set([question, matterOf(question), ...given.queries.slice(0, MAX_QUERIES)])]
  const [found, ...further] = await Promise.all(queries.map((query) => search(query)))
  const ownHits = capByDocument(found!.hits, {
    perDocument: Math.min(scope.perDocument, EVIDENCE_PER_DOCUMENT),
    limit: EVIDENCE_PASSAGES,
  })
  const own = ownHits.map(readPassage)
  const lacking = own.length === 0 ? [] : wordsLacking(question, found!, own)
  if (lacking.length > 0 && found!.mode !== 'vectors') {
    // What is said twice counts twice.
    const again = `${question} ${lacking.join(' ')}`
    queries.push(again)
    further.push(await search(again, { feedback: true }))
  }
  const hits = fuseHits([found!.hits, ...further.map((one) => one.hits)], {
    limit: Math.max(scope.limit ?? 0, own.length),
    perDocument: scope.perDocument,
  })
  const read = new Map(own.map((passage) => [keyOf(passage.hit), passage]))
  return {
    found: found!,
    own,
    passages: hits.map((hit) => read.get(keyOf(hit)) ?? readPassage(hit)),
    queries,
    missing: joinMissing([found!, ...further].flatMap((one) => one.missing)),
  }
}
