/**
 * A collection with queries and judgements in BEIR's layout (Thakur et al., arXiv 2104.08663): `corpus.jsonl` with `_id`, `title`
 * and `text`, `queries.jsonl` with `_id` and `text`, and `qrels/test.tsv` or `qrels.tsv` with query, document and score.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { dataError, readRows } from './suite-data.ts'

const MAX_JUDGEMENT_BYTES = 64 * 2 ** 20
const MAX_GAIN = 1000
const JUDGEMENTS = ['qrels.tsv', path.join('qrels', 'test.tsv')] as const

export interface JudgedFiles {
  readonly corpus: string
  readonly queries: string
  readonly judgements: string
}

export interface JudgedDocument {
  readonly id: string
  readonly title: string
  readonly text: string
}

export interface JudgedQuery {
  readonly id: string
  readonly text: string
  /** Gains above 0 by the document's id. */
  readonly relevant: ReadonlyMap<string, number>
}

/** Throws FILE_UNREADABLE where the directory has not this layout; `needsCorpus` false: documents come from elsewhere. */
export function judgedFiles(directory: string, init: { needsCorpus: boolean }): JudgedFiles {
  const at = (name: string) => path.join(directory, name)
  const judgements = JUDGEMENTS.map(at).find((file) => existsSync(file))
  if (judgements === undefined)
    throw new VillageError('FILE_UNREADABLE', `${directory} has neither ${JUDGEMENTS.join(' nor ')}`)
  const files = { corpus: at('corpus.jsonl'), queries: at('queries.jsonl'), judgements }
  for (const file of init.needsCorpus ? [files.corpus, files.queries] : [files.queries])
    if (!existsSync(file))
      throw new VillageError('FILE_UNREADABLE', `${directory} has no ${path.basename(file)}`)
  return files
}

/** Throws EVALUATION_DATA_INVALID naming file and line. */
export function readJudgedDocuments(file: string): JudgedDocument[] {
  const documents = readRows(file, (row) => ({
    id: row.text('_id'),
    title: row.has('title') ? row.text('title', { mayBeEmpty: true }) : '',
    text: row.text('text', { mayBeEmpty: true }),
  }))
  if (new Set(documents.map(({ id }) => id)).size !== documents.length)
    throw dataError(file, 'two documents have one id')
  return documents
}

/**
 * Queries with the documents that were judged to answer them; a query without one is left out. Throws EVALUATION_DATA_INVALID
 * naming file and line.
 */
export function readJudgedQueries(
  files: { readonly queries: string; readonly judgements: string },
  isKnown: (document: string) => boolean,
): JudgedQuery[] {
  const judgements = readJudgements(files.judgements)
  const queries = readRows(files.queries, (row) => ({ id: row.text('_id'), text: row.text('text') }))
  return queries.flatMap(({ id, text }) => {
    const judged = [...(judgements.get(id) ?? [])].filter(([document, gain]) => gain > 0 && isKnown(document))
    return judged.length === 0 ? [] : [{ id, text, relevant: new Map(judged) }]
  })
}

/** `query-id  corpus-id  score`, with or without that line as a head: gains by document by query. */
function readJudgements(file: string): Map<string, Map<string, number>> {
  if (statSync(file).size > MAX_JUDGEMENT_BYTES)
    throw dataError(file, `judgements may have ${MAX_JUDGEMENT_BYTES} bytes`)
  const judgements = new Map<string, Map<string, number>>()
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const fields = line.replace(/\r$/, '').split('\t')
    if (line.trim() === '' || (index === 0 && fields[0] === 'query-id')) continue
    const error = (what: string): VillageError => dataError(file, what, index + 1)
    const [query, document, score] = fields
    if (query === undefined || document === undefined || score === undefined || fields.length !== 3)
      throw error('this is not query, document and score with tabs between')
    const gain = Number(score)
    if (!Number.isInteger(gain) || gain > MAX_GAIN) throw error('the score is not a whole number')
    const own = judgements.get(query) ?? new Map<string, number>()
    judgements.set(query, own.set(document, gain))
  }
  return judgements
}
