/**
 * Whether `ask` knows what it does not know. Questions that the collection answers: judged queries on their collection. Questions
 * that it does not: the same queries with the documents that answer them taken out, which leaves everything else on the matter,
 * and queries of the other collection. A query of the first kind counts as much as its two of the second kind together. The model
 * is fitted on four fifths of the queries and tried on the rest, five times.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import type { AnswerSentence } from '../../node/agents/rag/answers/answer.ts'
import { createAnswers } from '../../node/agents/rag/answers/answers.ts'
import {
  confidenceOf,
  EVIDENCE_NAMES,
  EVIDENCE_PASSAGES,
  type Evidence,
  evidenceOf,
} from '../../node/agents/rag/answers/confidence.ts'
import { CONFIDENCE_MODEL, CONFIDENCE_THRESHOLD } from '../../node/agents/rag/answers/confidence-model.ts'
import { coverage, questionWords } from '../../node/agents/rag/answers/question-words.ts'
import { readPassage } from '../../node/agents/rag/answers/read-passages.ts'
import { createSearch, type Search } from '../../node/agents/rag/query/search.ts'
import type { SearchMode } from '../../node/agents/rag/query/search-options.ts'
import type { SearchBackend } from '../../node/agents/rag/search-types.ts'
import { writeEmbeddedEncoder } from '../../node/compute/models/embedded-encoder.ts'
import { createSentenceEncoder } from '../../node/compute/models/sentence-encoder.ts'
import { createSessions } from '../../node/compute/onnx/sessions.ts'
import { createLog } from '../../node/log.ts'
import { type AnswerCollection, ENCODER, openAnswerCollection } from './answer-collections.ts'
import type { BenchContext } from './bench.ts'
import {
  accuracyAt,
  areaUnderCurve,
  expectedCalibrationError,
  fitLogistic,
  type Judged,
  probability,
  reliability,
} from './logistic.ts'
import type { RagCase } from './rag.ts'

type Kind = 'answered' | 'taken out' | 'other matter'

interface Row {
  readonly collection: string
  readonly mode: SearchMode
  readonly kind: Kind
  readonly fold: number
  readonly evidence: Evidence
}

const COLLECTIONS = ['scifact', 'cranfield'] as const
const MODES: readonly SearchMode[] = ['lexical', 'hybrid']
const FOLDS = 5
const TIMED = 100
const MAX_SECOND_MS = 1_000

const searchCollection = ({ name, chunks }: AnswerCollection) => ({
  name,
  languages: ['en'],
  encoder: ENCODER,
  weight: 0.5,
  chunks,
})

async function evidenceFor(
  search: Search,
  given: { question: string; mode: SearchMode; collection: AnswerCollection; backend: SearchBackend },
  signal: AbortSignal,
): Promise<Evidence | null> {
  const { question, mode, collection, backend } = given
  const found = await search.search(
    backend,
    {
      text: question,
      syntax: 'plain',
      mode,
      limit: EVIDENCE_PASSAGES,
      collections: [searchCollection(collection)],
    },
    signal,
  )
  if (found.hits.length === 0) return null
  return evidenceOf(questionWords(question, ['en'], found), found.hits.map(readPassage))
}

async function evidenceRows(
  search: Search,
  collections: readonly AnswerCollection[],
  signal: AbortSignal,
): Promise<Row[]> {
  const rows: Row[] = []
  for (const mode of MODES)
    for (const own of collections) {
      const other = collections.find((one) => one !== own)!
      for (const [index, { text: question, relevant }] of own.queries.entries()) {
        signal.throwIfAborted()
        const looks: [Kind, AnswerCollection, SearchBackend][] = [
          ['answered', own, own.backend],
          ['taken out', own, own.without(relevant.keys())],
          ['other matter', other, other.backend],
        ]
        for (const [kind, collection, backend] of looks) {
          const evidence = await evidenceFor(search, { question, mode, collection, backend }, signal)
          // Nothing is found at all: that needs no model.
          if (evidence !== null)
            rows.push({ collection: own.name, mode, kind, fold: index % FOLDS, evidence })
        }
      }
    }
  return rows
}

const featuresOf = (row: Row): number[] => EVIDENCE_NAMES.map((name) => row.evidence[name])
const sampleOf = (row: Row) => ({
  features: featuresOf(row),
  isPositive: row.kind === 'answered',
  weight: row.kind === 'answered' ? 1 : 0.5,
})

interface JudgedRow extends Judged {
  readonly row: Row
}

/** Each row by a model that has seen no row of its query. */
function crossValidated(rows: readonly Row[]): JudgedRow[] {
  return Array.from({ length: FOLDS }, (_, fold) => {
    const model = fitLogistic(rows.filter((row) => row.fold !== fold).map(sampleOf))
    return rows
      .filter((row) => row.fold === fold)
      .map((row): JudgedRow => ({ ...sampleOf(row), p: probability(model, featuresOf(row)), row }))
  }).flat()
}

function reportConfidence(context: BenchContext, rows: readonly Row[]): void {
  const { report, log } = context
  const judged = crossValidated(rows)
  for (const mode of MODES) {
    const own = judged.filter(({ row }) => row.mode === mode)
    const higher = (label: string, value: number) =>
      report({ case: `answers ${mode}: ${label}`, value, unit: 'share', better: 'higher', bar: null })
    higher('AUC', areaUnderCurve(own))
    for (const name of COLLECTIONS)
      for (const kind of ['taken out', 'other matter'] as const)
        higher(
          `AUC ${name}, ${kind}`,
          areaUnderCurve(
            own.filter(
              ({ row }) => row.collection === name && (row.kind === 'answered' || row.kind === kind),
            ),
          ),
        )
    higher(`accuracy at ${CONFIDENCE_THRESHOLD}`, accuracyAt(own, CONFIDENCE_THRESHOLD))
    for (const kind of ['answered', 'taken out', 'other matter'] as const) {
      const those = own.filter(({ row }) => row.kind === kind)
      higher(`right of "${kind}"`, accuracyAt(those, CONFIDENCE_THRESHOLD))
    }
    report({
      case: `answers ${mode}: calibration error`,
      value: expectedCalibrationError(own),
      unit: 'share',
      better: 'lower',
      bar: null,
    })
    for (const { weight, said, was } of reliability(own))
      log(`${mode}: said ${said.toFixed(2)}, came true ${was.toFixed(2)} (${weight} questions)`)
  }
  const model = fitLogistic(rows.map(sampleOf))
  const stored = [CONFIDENCE_MODEL.intercept, ...EVIDENCE_NAMES.map((name) => CONFIDENCE_MODEL.weights[name])]
  const names = ['intercept', ...EVIDENCE_NAMES]
  for (const [index, value] of [model.intercept, ...model.weights].entries())
    log(`fitted on all: ${names[index]} ${value.toFixed(3)}, in the code ${stored[index]!.toFixed(3)}`)
  const best = Array.from({ length: 19 }, (_, step) => 0.05 * (step + 1)).map((threshold) => ({
    threshold,
    accuracy: accuracyAt(judged, threshold),
  }))
  log(best.map(({ threshold, accuracy }) => `${threshold.toFixed(2)}: ${accuracy.toFixed(3)}`).join(', '))
  const asStored = rows.map((row) => ({ ...sampleOf(row), p: confidenceOf(row.evidence) }))
  report({
    case: 'answers: calibration error of the model in the code',
    value: expectedCalibrationError(asStored),
    unit: 'share',
    better: 'lower',
    bar: null,
  })
}

/** Share of the question's words in the sentences of its answer, all words alike. */
function coveredShare(question: string, sentences: readonly AnswerSentence[]): number {
  const terms = new Set(sentences.flatMap(({ text }) => analyze(text, 'en').map(({ term }) => term)))
  const words = questionWords(question, ['en'], { terms: [], chunks: 0 })
  return coverage(words, (word) => (word.terms.some((term) => terms.has(term)) ? 1 : 0))
}

/** Whole questions, with sentences chosen and embedded: is a judged document cited, and how long does it take? */
async function reportAnswers(
  context: BenchContext,
  collection: AnswerCollection,
  components: { search: Search; embed: Parameters<typeof createAnswers>[0]['embedding']['embed'] },
): Promise<void> {
  const { report, signal } = context
  const { search, embed } = components
  const answers = createAnswers(
    {
      knowledge: {
        search: (options, given) =>
          search.search(
            collection.backend,
            { ...options, collections: [searchCollection(collection)] },
            given,
          ),
        collections: async () => [{ label: collection.name, encoder: ENCODER }] as never, // no more is read
      },
      embedding: { embed },
      generation: { generate: () => Promise.reject(new Error('no model is asked')) },
      log: createLog({ level: 'silent' }),
    },
    { config: { 'knowledge.answerModel': null, 'knowledge.answerThreshold': null } },
  )
  for (const mode of MODES) {
    const times: number[] = []
    let [answered, cited, covered] = [0, 0, 0]
    const queries = collection.queries.slice(0, TIMED)
    for (const { text, relevant } of queries) {
      const { isFound, sources, sentences, tookMs } = await answers.ask(text, { mode }, signal)
      times.push(tookMs)
      if (!isFound) continue
      answered += 1
      covered += coveredShare(text, sentences)
      const used = new Set(sentences.map(({ citation }) => citation))
      if (sources.some(({ number, source }) => used.has(number) && relevant.has(source))) cited += 1
    }
    times.sort((a, b) => a - b)
    const label = `answers ${collection.name} ${mode}`
    const share = (name: string, value: number) =>
      report({ case: `${label}: ${name}`, value, unit: 'share', better: 'higher', bar: null })
    share('answered', answered / queries.length)
    share('of the answers cite a judged document', cited / Math.max(1, answered))
    share('words of the question in the answer', covered / Math.max(1, answered))
    const p95 = times[Math.ceil(0.95 * times.length) - 1]!
    report({ case: `${label}: p95`, value: p95, unit: 'ms', better: 'lower', bar: MAX_SECOND_MS })
  }
}

export const answers: RagCase = {
  name: 'answers',
  title: 'does ask know what it does not know; which documents it cites; how long it takes',
  async run(context) {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-encoder-'))
    const sessions = createSessions()
    const collections: AnswerCollection[] = []
    try {
      writeEmbeddedEncoder(directory)
      const encoder = createSentenceEncoder({ sessions })
      const embed = (_model: string, texts: readonly string[], signal: AbortSignal) =>
        encoder.embed({ modelDir: directory, texts }, signal)
      const search = createSearch({ embed, log: createLog({ level: 'silent' }) })
      for (const name of COLLECTIONS) {
        const opened = await openAnswerCollection(
          name,
          (texts) => embed(ENCODER, texts, context.signal),
          context.log,
        )
        if (opened === null) {
          context.log('skipped: no data')
          return
        }
        collections.push(opened)
      }
      reportConfidence(context, await evidenceRows(search, collections, context.signal))
      for (const collection of collections) await reportAnswers(context, collection, { search, embed })
    } finally {
      for (const collection of collections) collection.close()
      await sessions.close()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
