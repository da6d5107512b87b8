/** Results of evaluations for people. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import { counted, facts, fitsScreen, printable, table, words } from './format.ts'

/** A figure with as many digits as say something. */
export function shortFigure(value: JsonValue | undefined): string {
  if (typeof value !== 'number') return String(value ?? '')
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value)
  return Math.abs(value) >= 10_000 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : value.toPrecision(4)
}

/** `{ value, low, high }` as `0.851 (0.802–0.895)`; a plain figure as it is. */
export function intervalText(value: JsonValue | undefined): string {
  if (!isJsonObject(value ?? null)) return shortFigure(value)
  const { value: middle, low, high } = value as JsonObject
  const text = (number: JsonValue | undefined) =>
    typeof number !== 'number' ? '?' : Math.abs(number) < 100 ? number.toFixed(3) : shortFigure(number)
  // Bounds that are the figure itself say nothing of it: there was one item, or all were the same.
  if (low === undefined || (low === middle && high === middle)) return text(middle)
  // A dash before a minus is hard to read.
  return `${text(middle)} (${text(low)}${typeof low === 'number' && low < 0 ? ' to ' : '–'}${text(high)})`
}

const objects = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : []

const itemsOf = (result: JsonObject): string => counted(Number(result.items), 'item')

/** Facts of a suite that need more words than their names have. */
const ABOUT: Readonly<Record<string, string>> = { available: 'items in the data' }

/** Of a suite over vectors: how the others keep what the first puts next to each other. */
function similarityText(result: JsonObject): string {
  const lines = objects(result.models).map((row) => {
    const scores = isJsonObject(row.scores ?? null) ? (row.scores as JsonObject) : {}
    return [
      shortFigure(row.model),
      intervalText(scores.groupAccuracy),
      ...(row.model === result.reference
        ? ['reference', '', '']
        : [scores.neighbourAgreement, scores.spearman, scores.meanCosine].map(intervalText)),
    ]
  })
  return [
    `suite ${shortFigure(result.suite)}, ${itemsOf(result)}, compared with ${printable(shortFigure(result.reference))}; in brackets 95% intervals`,
    table(['MODEL', 'OWN GROUP', 'SAME NEAREST', 'RANK CORRELATION', 'MEAN COSINE'], lines),
  ].join('\n')
}

function metricsText(result: JsonObject): string {
  const models = objects(result.models)
  const metrics = objects(models[0]?.metrics)
  const parts = [
    `suite ${shortFigure(result.suite)}, ${itemsOf(result)}; in brackets 95% intervals`,
    wideOrLong({
      head: ['MODEL', ...metrics.map(({ title }) => String(title).toUpperCase())],
      rows: models.map((row) => [shortFigure(row.model), ...objects(row.metrics).map(intervalText)]),
      long: ['MODEL', 'METRIC', 'VALUE'],
      same: 1,
    }),
  ]
  const groups = groupsText(models)
  if (groups !== null) parts.push(groups)
  const about = isJsonObject(result.about ?? null) ? Object.entries(result.about as JsonObject) : []
  if (about.length > 0)
    parts.push(facts(about.map(([name, value]) => [ABOUT[name] ?? words(name), shortFigure(value)])))
  for (const row of models) {
    const lost = isJsonObject(row.facts ?? null) ? (row.facts as JsonObject).truncated : undefined
    if (typeof lost === 'number' && lost > 0)
      parts.push(
        printable(
          `${counted(lost, 'item')} ${lost === 1 ? 'was' : 'were'} too long for ${shortFigure(row.model)} and lost the beginning.`,
        ),
      )
  }
  for (const row of models)
    for (const measure of objects(row.comparison))
      parts.push(verdictText(shortFigure(result.reference), shortFigure(row.model), measure))
  return parts.join('\n\n')
}

/** The first metric by group, a column a model; null where there are no groups. */
function groupsText(models: readonly JsonObject[]): string | null {
  const byModel = models.map((row) => {
    const groups = objects(row.metrics)[0]?.groups
    return isJsonObject(groups ?? null) ? (groups as JsonObject) : {}
  })
  const names = Object.keys(byModel[0] ?? {})
  if (names.length === 0) return null
  return wideOrLong({
    head: ['GROUP', 'ITEMS', ...models.map(({ model }) => shortFigure(model))],
    rows: names.map((name) => {
      const [first] = byModel
      const items = isJsonObject(first?.[name] ?? null) ? (first![name] as JsonObject).items : undefined
      return [name, shortFigure(items), ...byModel.map((groups) => intervalText(groups[name]))]
    }),
    long: ['GROUP', 'ITEMS', 'MODEL', 'VALUE'],
    same: 2,
  })
}

/**
 * One row for each thing where that fits the screen; otherwise one row for each of its figures: the first `same` cells, the
 * head of the figure's column, and the figure. Nothing of a figure is ever cut.
 */
function wideOrLong(init: {
  head: readonly string[]
  rows: readonly (readonly string[])[]
  long: readonly string[]
  same: number
}): string {
  const { head, rows, long, same } = init
  if (fitsScreen(head, rows)) return table(head, rows)
  const lines = rows.flatMap((row) =>
    head
      .slice(same)
      .map((title, index) => [
        ...row.slice(0, same).map((cell) => (index === 0 ? cell : '')),
        title,
        row[same + index] ?? '',
      ]),
  )
  return table(long, lines, { whole: [long.length - 1] })
}

export const evaluationText = (result: JsonObject): string =>
  objects(result.models).some((row) => Array.isArray(row.metrics))
    ? metricsText(result)
    : similarityText(result)

/** One sentence that says what a comparison means, and what it rests on. */
function verdictText(first: string, second: string, measure: JsonObject): string {
  const { difference, mcnemar, items } = measure
  const test = isJsonObject(mcnemar ?? null) ? (mcnemar as JsonObject) : null
  const rests =
    test === null
      ? `difference ${intervalText(difference)} over ${counted(Number(items), 'item')}`
      : `difference ${intervalText(difference)}; of ${counted(Number(items), 'item')} the first alone had ${shortFigure(test.onlyFirst)} right and the second alone ${shortFigure(test.onlySecond)}, McNemar p = ${shortFigure(test.p)}`
  const says =
    measure.verdict === 'none'
      ? `No difference between ${first} and ${second} can be told`
      : measure.verdict === 'second'
        ? `${second} is better than ${first}`
        : `${second} is worse than ${first}`
  return printable(`${says} by "${String(measure.measure)}" (${rests}).`)
}

export function comparisonText(
  first: string,
  second: string,
  suite: string,
  measures: readonly JsonObject[],
): string {
  const rows = measures.map((measure) => [
    String(measure.measure),
    ...[measure.first, measure.second].map(shortFigure),
    intervalText(measure.difference),
    `${shortFigure(measure.better)} / ${shortFigure(measure.equal)} / ${shortFigure(measure.worse)}`,
  ])
  return [
    `suite ${printable(suite)}; in brackets 95% intervals`,
    wideOrLong({
      head: ['MEASURE', first, second, 'DIFFERENCE', 'BETTER / EQUAL / WORSE'],
      rows,
      long: ['MEASURE', '', 'VALUE'],
      same: 1,
    }),
    ...measures.map((measure) => verdictText(first, second, measure)),
  ].join('\n\n')
}
