/**
 * Measures this machine: figures, each with the bar that it is held to. Tests never assert a time; this does not fail
 * on one either, it reports.
 *
 * usage: npm run bench -- [NAME ...] [--json] [--only CASE ...] [--codec NAME ...] [--misses]
 *   NAME          one benchmark after another; without a name, they are listed
 *   --json        one object a line by case: bench, case, value, unit, better, bar, holds
 *   --only CASE   some cases of a benchmark that has several
 *   --codec NAME  some codecs, where a case runs by codec
 *   --misses      what was wrong with items of a held-out set (who changes the rules by them needs a new set)
 */
import { parseArgs } from 'node:util'
import { nearest } from '../node/nearest.ts'
import { type Bench, holds, type Measurement } from './bench/bench.ts'
import { describeMachine } from './bench/machine.ts'
import { BENCHES } from './bench/table.ts'

function list(print: (line: string) => void): void {
  print('usage: npm run bench -- NAME ... [--json]\n')
  for (const { name, title } of BENCHES) print(`  ${name.padEnd(10)} ${title}`)
}

function usage(problem: string): never {
  console.error(`${problem}\n`)
  list(console.error)
  process.exit(2)
}

interface Arguments {
  readonly names: string[]
  readonly json: boolean
  readonly only: readonly string[]
  readonly codecs: readonly string[] | null
  readonly misses: boolean
}

function readArguments(): Arguments {
  try {
    const { positionals, values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        codec: { type: 'string', multiple: true },
        misses: { type: 'boolean', default: false },
      },
      allowPositionals: true,
    })
    const { json, only, misses, codec: codecs = null } = values
    return { names: values.help ? [] : positionals, json, only, codecs, misses }
  } catch (error) {
    console.error(`${(error as Error).message.split('\n')[0]}; usage: npm run bench -- NAME ... [--json]`)
    process.exit(2)
  }
}

function chosen(names: readonly string[]): Bench[] {
  return names.map((name) => {
    const bench = BENCHES.find((row) => row.name === name)
    if (bench !== undefined) return bench
    const suggestion = nearest(
      name,
      BENCHES.map((row) => row.name),
    )
    return usage(`there is no benchmark ${name}${suggestion === null ? '' : `; did you mean ${suggestion}?`}`)
  })
}

/** Three significant digits, without an exponent. */
function showValue(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

function showLine(measurement: Measurement): string {
  const { case: name, value, unit, better, bar } = measurement
  const verdict = { true: 'holds', false: 'MISSED', null: '' }[`${holds(measurement)}`]
  const limit = bar === null ? '' : `bar ${better === 'higher' ? '≥' : '≤'} ${showValue(bar)}`
  return `  ${name.padEnd(48)} ${showValue(value).padStart(9)} ${unit.padEnd(10)} ${limit.padEnd(12)} ${verdict}`.trimEnd()
}

const { names, json, only, codecs, misses } = readArguments()
if (names.length === 0) {
  list(console.log)
  process.exit(0)
}
const benches = chosen(names)
const abort = new AbortController()
process.once('SIGINT', () => abort.abort(new Error('interrupted')))
process.once('SIGTERM', () => abort.abort(new Error('interrupted')))
const say = json ? console.error : console.log
say(describeMachine())

let failed = false
for (const bench of benches) {
  say(`\n${bench.name}: ${bench.title}`)
  try {
    await bench.run({
      signal: abort.signal,
      only,
      codecs,
      misses,
      log: (message) => console.error(`  … ${message}`),
      report(measurement) {
        if (!Number.isFinite(measurement.value))
          throw new Error(`"${measurement.case}" measured ${measurement.value}`)
        console.log(
          json
            ? JSON.stringify({ bench: bench.name, ...measurement, holds: holds(measurement) })
            : showLine(measurement),
        )
      },
    })
  } catch (error) {
    failed = true
    console.error(`  ${bench.name} failed:`, error)
    if (abort.signal.aborted) break
  }
}
process.exit(failed ? 1 : 0)
