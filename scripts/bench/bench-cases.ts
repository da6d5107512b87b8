/** Benchmarks of several cases, each of which runs alone with `--only`. */
import type { Bench, BenchContext } from './bench.ts'

export interface BenchCase {
  /** The word after `--only`. */
  readonly name: string
  readonly title: string
  run(context: BenchContext): Promise<void>
}

/** Runs the cases in their order. One that fails keeps none of the others from running. */
export function benchOfCases(name: string, title: string, cases: readonly BenchCase[]): Bench {
  return {
    name,
    title: `${title} (--only ${cases.map((row) => row.name).join(', ')})`,
    async run(context) {
      const unknown = context.only.find((only) => !cases.some((row) => row.name === only))
      if (unknown !== undefined) throw new Error(`there is no case ${unknown}`)
      const failures: unknown[] = []
      for (const row of cases) {
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
}
