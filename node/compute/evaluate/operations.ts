/** Operations of evaluations that run in worker threads: rows of the pool's table. */
import { VillageError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { readAnyCard } from '../models/model-card.ts'
import { workerEncoder } from '../models/worker-encoder.ts'
import { type AnswerModel, answerItems } from './answer-items.ts'
import { checkAnswers, checkShapes } from './check-answers.ts'
import { compareScores, comparisonJson } from './compare-scores.ts'
import { type EvaluateRequest, evaluateItems } from './evaluate-items.ts'
import { decodeAnswers, decodeScores, encodeLines } from './evaluation-files.ts'
import { decodeRecords, encodeRecords, joinRecords } from './item-records.ts'
import type { ItemSuite, Metric, SuiteFiles, SuiteOptions } from './item-suite.ts'
import { encodeItems, readItems } from './items.ts'
import { checkGenerated, outputBytes } from './output-bytes.ts'
import { decodeResults, encodeResults, joinResults } from './results.ts'
import { groupAccuracy, groupHits, keptGroups, scoreSimilarity } from './scores.ts'
import { isItemSuite, suiteNamed } from './suite-table.ts'
import { RIGHT } from './suites/choices.ts'
import { likelihoodKept } from './suites/likelihood.ts'
import type { TextScore } from './suites/perplexity.ts'
import { suiteByName } from './suites.ts'
import { createWorkerModels } from './worker-models.ts'

const MAX_MODELS = 2
const IDLE_MS = 60_000

const models = createWorkerModels(
  {
    // Imported on first use: most workers never load a language model. The pool has a worker for each core.
    open: async (modelDir) =>
      (await import('../generate/open-language-model.ts')).openLanguageModel(modelDir, { threads: 1 }),
  },
  { maxModels: MAX_MODELS, idleMs: IDLE_MS },
)

function withModel<T>(modelDir: string, use: (model: AnswerModel) => Promise<T>): Promise<T> {
  if (readAnyCard(modelDir).task === 'sentence-embedding')
    return use({ kind: 'encoder', encoder: workerEncoder, modelDir })
  return models.with(modelDir, (model) => use({ kind: 'language', model }))
}

function itemSuite(name: string): ItemSuite {
  const suite = suiteNamed(name)
  if (!isItemSuite(suite)) throw new VillageError('INTERNAL', `The suite "${name}" has no items`)
  return suite
}

export const EVALUATE_OPERATIONS = {
  /** Items of a built-in suite, as vectors. */
  async 'evaluate.items'(input: EvaluateRequest, signal: AbortSignal): Promise<{ bytes: Uint8Array }> {
    return { bytes: encodeResults(await evaluateItems({ encoder: workerEncoder }, input, signal)) }
  },

  /** Scores a candidate's vectors against the original's; without an original, the candidate alone. */
  async 'evaluate.score'(input: {
    candidate: readonly Uint8Array[]
    original: readonly Uint8Array[] | null
    seed: number
    resamples?: number
  }): Promise<JsonObject> {
    const candidate = joinResults(input.candidate.map(decodeResults))
    const suite = suiteByName(candidate.suite)
    const scores: JsonObject = {
      suite: suite.name,
      items: candidate.count,
      groupAccuracy: groupAccuracy(candidate, (item) => suite.group(candidate.start + item)),
    }
    if (input.original === null) return scores
    const original = joinResults(input.original.map(decodeResults))
    if (
      original.suite !== candidate.suite ||
      original.start !== candidate.start ||
      original.count !== candidate.count
    )
      throw new VillageError('INVALID_ARGUMENT', 'The two results are not of the same items.')
    const { items: _, ...similarity } = scoreSimilarity(original, candidate, input)
    const groupOf = (item: number) => suite.group(candidate.start + item)
    const groupKept = keptGroups(original, candidate, groupOf, input)
    return {
      ...scores,
      ...Object.fromEntries(
        Object.entries({ ...similarity, groupKept }).map(([name, interval]) => [name, { ...interval }]),
      ),
    }
  },

  /** Of a built-in suite, whether each item's nearest neighbour is of its own group: scores to compare models by. */
  async 'evaluate.vectorScores'(input: { candidate: readonly Uint8Array[] }): Promise<Uint8Array> {
    const candidate = joinResults(input.candidate.map(decodeResults))
    const suite = suiteByName(candidate.suite)
    const groupOf = (item: number) => suite.group(candidate.start + item)
    return encodeLines(
      groupHits(candidate, groupOf).map((score, item) => ({
        id: `${candidate.start + item}`,
        group: '',
        measure: RIGHT,
        score,
        weight: 1,
      })),
    )
  },

  /** Makes the items of a suite from its data, and what its owner keeps of them. */
  async 'evaluate.prepare'(input: { suite: string; files: SuiteFiles; options: SuiteOptions }): Promise<{
    items: Uint8Array
    answers: Uint8Array
    count: number
    facts: JsonObject
    /** The most bytes that the records of one task can take. */
    outputBytes: number
  }> {
    const suite = itemSuite(input.suite)
    const { items, answers, facts } = suite.prepare(input.files, input.options)
    checkGenerated(items.map(({ item }) => item))
    return {
      items: encodeItems(items),
      answers: encodeLines(answers),
      count: items.length,
      facts,
      outputBytes: outputBytes(
        items.map(({ item }) => item),
        suite.itemsByTask,
      ),
    }
  },

  /** Answers a range of a list of items. */
  async 'evaluate.answer'(
    input: { modelDir: string; itemsPath: string; start: number; count: number },
    signal: AbortSignal,
  ): Promise<{ bytes: Uint8Array }> {
    const { modelDir, itemsPath, start, count } = input
    const items = readItems(itemsPath, start, count)
    const records = await withModel(modelDir, (model) => answerItems(model, items, signal))
    return { bytes: encodeRecords({ start, records }) }
  },

  /** Whether claimed records answer their items at all; null when they do. Runs no model. */
  async 'evaluate.shapes'(input: {
    modelDir: string
    itemsPath: string
    claimed: Uint8Array
  }): Promise<{ item: number; why: string } | null> {
    const { start, records } = decodeRecords(input.claimed)
    const card = readAnyCard(input.modelDir)
    const dims = card.task === 'sentence-embedding' ? card.dimensions : null
    const found = checkShapes(readItems(input.itemsPath, start, records.length), records, dims)
    return found === null ? null : { item: start + found.item, why: found.why }
  },

  /** Holds claimed records against the model; null when they can be right, otherwise the first that cannot. */
  async 'evaluate.check'(
    input: { modelDir: string; itemsPath: string; claimed: Uint8Array },
    signal: AbortSignal,
  ): Promise<{ item: number; why: string } | null> {
    const { start, records } = decodeRecords(input.claimed)
    const items = readItems(input.itemsPath, start, records.length)
    const found = await withModel(input.modelDir, (model) => checkAnswers(model, items, records, signal))
    return found === null ? null : { item: start + found.item, why: found.why }
  },

  /** The texts of records, by item and sample. */
  async 'evaluate.texts'(input: { bytes: Uint8Array }): Promise<string[][]> {
    return decodeRecords(input.bytes).records.map((record) =>
      record.type === 'generate' ? record.samples.map(({ text }) => text) : [],
    )
  },

  /** Joins the parts of an evaluation and scores them. */
  async 'evaluate.report'(input: {
    suite: string
    answers: Uint8Array
    parts: readonly Uint8Array[]
    seed: number
    outcomes?: readonly JsonValue[]
  }): Promise<{ metrics: JsonObject[]; facts: JsonObject; records: Uint8Array; scores: Uint8Array }> {
    const answers = decodeAnswers(input.answers)
    const joined = joinRecords(input.parts.map(decodeRecords))
    if (joined.records.length !== answers.length)
      throw new VillageError('EVALUATION_RESULT_MALFORMED', 'The evaluation has not one record for each item')
    const { seed, outcomes } = input
    const report = itemSuite(input.suite).report(answers, joined.records, {
      seed,
      ...(outcomes === undefined ? {} : { outcomes }),
    })
    return {
      metrics: report.metrics.map(metricJson),
      facts: report.facts,
      records: encodeRecords(joined),
      scores: encodeLines(report.scores),
    }
  },

  /** Paired comparison of the scores of two models. */
  async 'evaluate.compare'(input: {
    first: Uint8Array
    second: Uint8Array
    seed: number
  }): Promise<JsonObject[]> {
    const [first, second] = [decodeScores(input.first), decodeScores(input.second)]
    return compareScores(first, second, input.seed).map(comparisonJson)
  },

  /** The share of its quality that a changed language model keeps, from the scores of the suite `likelihood`. */
  async 'evaluate.kept'(input: {
    original: Uint8Array
    changed: Uint8Array
    /** The texts are the original's own. */
    isOwn: boolean
    seed: number
  }): Promise<{ value: number; low: number; high: number }> {
    const textScores = (bytes: Uint8Array) => decodeScores(bytes) as readonly TextScore[]
    return likelihoodKept(textScores(input.original), textScores(input.changed), input)
  },
}

const metricJson = ({ name, title, interval, groups }: Metric): JsonObject => ({
  name,
  title,
  ...interval,
  groups: Object.fromEntries(Object.entries(groups).map(([group, one]) => [group, { ...one }])),
})
