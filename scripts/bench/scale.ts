/**
 * What a village costs as it grows: each cost of docs/scale.md, counted in a simulation of 10, 100 and 1,000 virtual peers that runs the real
 * cores and encodes the real messages, held to its formula; then real daemons over loopback, held to the same formulas.
 */
import { type CostRow, isWithin } from '../scale/cost.ts'
import { COST_CASES } from '../scale/table.ts'
import type { Bench, BenchContext, Measurement } from './bench.ts'
import { measureDaemons } from './scale-daemons.ts'

const PEERS = [10, 100, 1_000]
const DAEMONS = 'daemons'

/** The bar is the formula with its tolerance; a formula that says far too much is as wrong as one that says too little. */
function measurementOf(row: CostRow): Measurement {
  const { cost, peers, unit, measured, formula, tolerance } = row
  const least = (1 - tolerance) * formula
  return measured < least
    ? { case: `${cost}, ${peers} peers (too little)`, value: measured, unit, better: 'higher', bar: least }
    : {
        case: `${cost}, ${peers} peers`,
        value: measured,
        unit,
        better: 'lower',
        bar: (1 + tolerance) * formula,
      }
}

async function simulate({ report, log, signal, only }: BenchContext): Promise<void> {
  let missed = 0
  for (const { name, run } of COST_CASES) {
    if (only.length > 0 && !only.includes(name)) continue
    for (const peers of PEERS) {
      signal.throwIfAborted()
      log(`${name}: ${peers} virtual peers`)
      for (const row of await run(peers)) {
        if (!isWithin(row)) missed += 1
        report(measurementOf(row))
      }
    }
  }
  log(missed === 0 ? 'all costs are as their formulas say' : `${missed} costs are not as their formulas say`)
}

export const scaleBench: Bench = {
  name: 'scale',
  title: 'costs of 10, 100 and 1,000 virtual peers against their formulas, and of 3 and 8 real daemons',
  async run(context) {
    await simulate(context)
    if (context.only.length === 0 || context.only.includes(DAEMONS)) await measureDaemons(context)
  },
}
