/**
 * Knowledge: quality and speed of search, one file a case (rag-*.ts), one row each in CASES.
 * `npm run bench -- rag --only quality --only latency` runs some of them; without `--only` all run, the costly ones last.
 */
import type { Bench, BenchContext } from './bench.ts'
import { answers } from './rag-answers.ts'
import { ingest } from './rag-ingest.ts'
import { graphs, large } from './rag-large.ts'
import { latency } from './rag-latency.ts'
import { quality } from './rag-quality.ts'
import { routing } from './rag-routing.ts'
import { village } from './rag-village.ts'

export interface RagCase {
  /** The word after `--only`. */
  readonly name: string
  readonly title: string
  run(context: BenchContext): Promise<void>
}

const CASES: readonly RagCase[] = [quality, latency, answers, routing, village, ingest, large, graphs]

export const ragBench: Bench = {
  name: 'rag',
  title: `search over collections (--only ${CASES.map(({ name }) => name).join(', ')})`,
  async run(context) {
    const unknown = context.only.find((name) => !CASES.some((row) => row.name === name))
    if (unknown !== undefined) throw new Error(`there is no case ${unknown}`)
    const failures: unknown[] = []
    for (const row of CASES) {
      if (context.only.length > 0 && !context.only.includes(row.name)) continue
      context.signal.throwIfAborted()
      context.log(`${row.name}: ${row.title}`)
      try {
        await row.run(context)
      } catch (error) {
        context.log(`${row.name} failed: ${error instanceof Error ? error.message : String(error)}`)
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of the cases failed`)
  },
}
