/** What a run of indexing came to, for people. */
import { count, counted, duration, printable, table, time } from './format.ts'
import type { IndexRunView } from './knowledge-views.ts'

const MAX_SHOWN = 20

/** `1,204 files` */
const files = (amount: number) => counted(amount, 'file')

function leftOut({ report }: IndexRunView): string[] {
  const { hidden, excluded, unsupported } = report.left
  const formats = unsupported.reduce((sum, one) => sum + one.files, 0)
  const parts = [
    ...(hidden > 0 ? [`${hidden} hidden`] : []),
    ...(excluded > 0 ? [`${excluded} excluded`] : []),
    ...(formats > 0
      ? [
          `${files(formats)} of formats that are not read (${unsupported
            .slice(0, 8)
            .map((one) => `${one.extension} ${one.files}`)
            .join(', ')})`,
        ]
      : []),
  ]
  return parts.length === 0 ? [] : [`Not looked at: ${printable(parts.join('; '))}.`]
}

/** The reasons with how often, and the first of the files. */
function skipped({ report }: IndexRunView): string[] {
  if (report.skipped === 0) return []
  const reasons = Map.groupBy(report.skippedSources, ({ code }) => code)
  const shown = report.skippedSources.slice(0, MAX_SHOWN)
  const more = report.skipped - shown.length
  return [
    `${counted(report.skipped, 'item')} skipped: ${[...reasons].map(([code, all]) => `${code} ${all.length}`).join(', ')}`,
    table(
      ['SOURCE', 'WHY'],
      shown.map(({ source, code, message }) => [source, `${code}: ${message}`]),
      { columns: 110 },
    ),
    ...(more > 0 ? [`… and ${more} more: --json lists up to 1,000 of them.`] : []),
  ]
}

function warnings({ report }: IndexRunView): string[] {
  const shown = report.warnings.slice(0, MAX_SHOWN)
  const more = report.warnings.length - shown.length
  return [
    ...shown.map(({ source, message }) => `warning: ${printable(source)}: ${printable(message)}`),
    ...(more > 0 ? [`… and ${more} more warnings: --json lists them.`] : []),
  ]
}

export function indexReport(run: IndexRunView): string {
  const { report, name, state, startedAtMs, finishedAtMs } = run
  const { added, changed, unchanged, removed, chunks } = report
  const took = finishedAtMs === null ? '' : ` in ${duration(finishedAtMs - startedAtMs)}`
  const ended = state === 'done' ? '' : ` (${state}: what was done by then stays)`
  return [
    `${name}: ${count(added)} added, ${count(changed)} changed, ${count(unchanged)} unchanged, ${count(removed)} removed; ${counted(chunks, 'passage')} written${took}${ended}.`,
    ...(report.nearDuplicates > 0
      ? [`${counted(report.nearDuplicates, 'document')} nearly repeat another one (field nearDuplicateOf).`]
      : []),
    ...leftOut(run),
    ...skipped(run),
    ...warnings(run),
  ].join('\n')
}

/** `columns`: of the screen; null where there is none. */
export function runTable(runs: readonly IndexRunView[], columns: number | null): string {
  return table(
    ['RUN', 'COLLECTION', 'WHY', 'STATE', 'BEGAN', 'TOOK', 'FILES', 'ADDED', 'CHANGED', 'REMOVED', 'SKIPPED'],
    runs.map(({ id, name, trigger, state, startedAtMs, finishedAtMs, doneFiles, ...run }) => [
      id,
      name,
      trigger,
      state,
      time(startedAtMs),
      finishedAtMs === null ? '-' : duration(finishedAtMs - startedAtMs),
      state === 'running' ? `${doneFiles} of ${run.files}${run.isCounted ? '' : '+'}` : String(doneFiles),
      ...[run.report.added, run.report.changed, run.report.removed, run.report.skipped].map(String),
    ]),
    // The names of columns are worth as much as their numbers; only the collection's gives way.
    { whole: [0, 2, 3, 4, 5, 6, 7, 8, 9, 10], columns: columns ?? Number.POSITIVE_INFINITY },
  )
}
