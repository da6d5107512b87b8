/**
 * Whether Sage says that it does not know when it does not, and answers when it can; and whether its citations hold. Each reading of "no
 * judged document is in the index" is measured by itself. The bar is held to by questions that no fit has seen: the index has other documents
 * (of another matter, of other pages), or lacks what was judged and holds everything else on the matter, which is the hard one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { confidenceOf, EVIDENCE_NAMES } from '../../node/agents/rag/answers/confidence.ts'
import { CONFIDENCE_MODEL, CONFIDENCE_THRESHOLD } from '../../node/agents/rag/answers/confidence-model.ts'
import { createSearch } from '../../node/agents/rag/query/search.ts'
import { writeEmbeddedEncoder } from '../../node/compute/models/embedded-encoder.ts'
import { createSentenceEncoder } from '../../node/compute/models/sentence-encoder.ts'
import { createSessions } from '../../node/compute/onnx/sessions.ts'
import { createLog } from '../../node/log.ts'
import { type AnswerCollection, openAnswerCollection } from './answer-collections.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'
import { type DocsCollection, openDocsCollection } from './docs-collection.ts'
import { type EvidenceRow, evidenceRows, fitConfidence, MODES } from './evidence-rows.ts'
import { ENCODER } from './indexed-collection.ts'
import { areaUnderCurve, expectedCalibrationError } from './logistic.ts'
import { reportCitations } from './sage-citations.ts'

const MIN_SAID_UNKNOWN = 0.9
const MAX_REFUSED = 0.1
const ENOUGH = 0.1

const confidence = ({ evidence }: EvidenceRow): number => (evidence === null ? 0 : confidenceOf(evidence))
const isRefused = (row: EvidenceRow): boolean => confidence(row) < CONFIDENCE_THRESHOLD
const shareOf = (rows: readonly EvidenceRow[]): number => rows.filter(isRefused).length / rows.length
const judged = (row: EvidenceRow) => ({
  p: confidence(row),
  isPositive: row.kind === 'answered',
  weight: 1,
})

/** The share of unanswered ones below the confidence that refuses a tenth of the answered ones: what no choice of threshold hides. */
function refusedAtTenth(answered: readonly EvidenceRow[], others: readonly EvidenceRow[]): number {
  const sorted = answered.map(confidence).sort((a, b) => a - b)
  const threshold = sorted[Math.floor(ENOUGH * sorted.length)]!
  return others.filter((row) => confidence(row) < threshold).length / others.length
}

/**
 * Readings of "no judged document is in the index". Watched beside them: near misses, for which no document was ever judged; a page without the
 * passage, whose neighbours may say the same; and collections of one page.
 */
const BAR_KINDS = new Set(['taken out', 'other matter', 'docs', 'page out', 'other subject'])

function reportRefusals({ report }: BenchContext, rows: readonly EvidenceRow[]): void {
  for (const mode of MODES)
    for (const [set, those] of Map.groupBy(
      // Cranfield was fitted on as a whole: it is not in the report.
      rows.filter((row) => row.isHeldOut && row.mode === mode),
      (row) => row.set,
    )) {
      const kinds = Map.groupBy(those, ({ kind }) => kind)
      const answered = kinds.get('answered')!
      const label = `sage ${set} ${mode}`
      report({
        case: `${label}: refused though answered (of ${answered.length})`,
        value: shareOf(answered),
        unit: 'share',
        better: 'lower',
        bar: set === 'page' ? null : MAX_REFUSED,
      })
      for (const [kind, own] of kinds) {
        if (kind === 'answered') continue
        const higher = (name: string, value: number, bar: number | null) =>
          report({ case: `${label}, ${kind}: ${name}`, value, unit: 'share', better: 'higher', bar })
        higher(
          `says so (of ${own.length})`,
          shareOf(own),
          set !== 'page' && BAR_KINDS.has(kind) ? MIN_SAID_UNKNOWN : null,
        )
        higher('AUC', areaUnderCurve([...answered, ...own].map(judged)), null)
        higher('says so where 10% of the answered are refused', refusedAtTenth(answered, own), null)
      }
    }
  const balanced = rows.filter(({ isHeldOut, kind }) => isHeldOut && kind !== 'passage out')
  const answered = balanced.filter(({ kind }) => kind === 'answered').length
  report({
    case: 'sage: calibration error, held out, as many answered as not',
    value: expectedCalibrationError(
      balanced.map((row) => ({
        ...judged(row),
        weight: row.kind === 'answered' ? 1 / answered : 1 / (balanced.length - answered),
      })),
    ),
    unit: 'share',
    better: 'lower',
    bar: null,
  })
}

function logFit({ log }: BenchContext, rows: readonly EvidenceRow[]): void {
  const { intercept, weights } = fitConfidence(rows)
  const stored = [CONFIDENCE_MODEL.intercept, ...EVIDENCE_NAMES.map((name) => CONFIDENCE_MODEL.weights[name])]
  const names = ['intercept', ...EVIDENCE_NAMES]
  for (const [index, value] of [intercept, ...weights].entries())
    log(`fitted: ${names[index]} ${value.toFixed(3)}, in the code ${stored[index]!.toFixed(3)}`)
}

export const sageCase: BenchCase = {
  name: 'sage',
  title: 'does Sage say that it does not know; do its citations hold (SciFact, the docs)',
  async run(context) {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-encoder-'))
    const sessions = createSessions()
    const opened: (AnswerCollection | DocsCollection)[] = []
    try {
      writeEmbeddedEncoder(directory)
      const encoder = createSentenceEncoder({ sessions })
      const embed = (_model: string, texts: readonly string[], signal: AbortSignal) =>
        encoder.embed({ modelDir: directory, texts }, signal)
      const embedAll = (texts: readonly string[]) => embed(ENCODER, texts, context.signal)
      const search = createSearch({ embed, log: createLog({ level: 'silent' }) })
      const docs = await openDocsCollection(embedAll)
      opened.push(docs)
      await reportCitations(context, docs, { search, embed })
      const scifact = await openAnswerCollection('scifact', embedAll, context.log)
      if (scifact !== null) opened.push(scifact)
      const cranfield = await openAnswerCollection('cranfield', embedAll, context.log)
      if (cranfield !== null) opened.push(cranfield)
      if (scifact === null || cranfield === null) {
        context.log('skipped: no data')
        return
      }
      const rows = await evidenceRows(search, { scifact, cranfield, docs }, context.signal)
      logFit(context, rows)
      reportRefusals(context, rows)
    } finally {
      for (const collection of opened) collection.close()
      await sessions.close()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
