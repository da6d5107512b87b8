/** What a benchmark is. One file a benchmark in this folder, one row each in table.ts. */

/** One figure that was measured in this run. */
export interface Measurement {
  /** What was measured, short and constant: comparisons between runs go by it. */
  case: string
  value: number
  /** For example `MiB/s`, `ms`, `MB`, `times`. */
  unit: string
  better: 'higher' | 'lower'
  /** The value to reach, in the same unit; null when the figure is only watched. */
  bar: number | null
}

export interface BenchContext {
  /** Call it as soon as a figure is known: what was measured before a failure is still shown. */
  report(measurement: Measurement): void
  /** A line for the person who waits (standard error). */
  log(message: string): void
  /** The cases that were asked for (`--only`), for benchmarks that can run some of them alone; empty: all. */
  only: readonly string[]
  /** Codecs that were asked for (`--codec`); null: those that the benchmark chooses. */
  codecs: readonly string[] | null
  /** Whether what was wrong with items of a held-out set is to be shown (`--misses`). */
  misses?: boolean
  /** Aborts on Ctrl-C; whatever the benchmark started has to end then. */
  signal: AbortSignal
}

export interface Bench {
  /** The word on the command line. */
  readonly name: string
  readonly title: string
  run(context: BenchContext): Promise<void>
}

/** Whether a figure meets its bar; null when it has none. */
export function holds(measurement: Measurement): boolean | null {
  if (measurement.bar === null) return null
  return measurement.better === 'higher'
    ? measurement.value >= measurement.bar
    : measurement.value <= measurement.bar
}
