/** Ten scorers of which three lie together: is the selected candidate the one without them, and are they named? */
import { recordOf } from '../../node/federated/scoring/reputation.ts'
import { type Lie, type LyingContext, simulateScoring } from '../../test/helpers/simulate-scoring.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'

const SEEDS = 200
const MEMBERS = 10
const LIARS = 3
const GENERATIONS = 4
/** Of the 64 that the simulation has. */
const CHANGED_ITEMS = 24
/** Honest scorings, from which trust comes, before some liars begin. */
const PATIENCE = 10

/** So many of the items that are not `value` become it: liars who do the same agree with one another. */
function tilted({ truth, isOwn }: LyingContext, items: number): Uint8Array {
  const value = isOwn ? 1 : 0
  const changed = new Set([...truth.keys()].filter((item) => truth[item] !== value).slice(0, items))
  return truth.map((score, item) => (changed.has(item) ? value : score))
}

const LIES: Readonly<Record<string, Lie>> = {
  'inflate their own and sink others': (context) => tilted(context, CHANGED_ITEMS),
  'only now and then': (context) => (context.shared < 0.2 ? tilted(context, CHANGED_ITEMS) : context.truth),
  'earn trust first': (context) =>
    recordOf(context.reputation, context.scorer).total >= PATIENCE
      ? tilted(context, CHANGED_ITEMS)
      : context.truth,
  'sink everything': ({ truth }) => new Uint8Array(truth.length),
}

function measure({ report, signal }: BenchContext, name: string, lie: Lie): void {
  let decided = 0
  let alike = 0
  let lied = 0
  let named = 0
  let honestNamed = 0
  let scorings = 0
  let candidates = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    signal.throwIfAborted()
    const setting = { seed, members: MEMBERS, generations: GENERATIONS }
    const run = simulateScoring({ ...setting, liars: LIARS, lie })
    const without = simulateScoring({ ...setting, liars: 0, lie })
    for (const [generation, one] of run.generations.entries()) {
      decided += 1
      if (one.selected === without.generations[generation]!.selected) alike += 1
      scorings += one.scorings
      candidates += one.truths.length
    }
    lied += run.lied.size
    named += [...run.lied].filter((peer) => run.named.has(peer)).length
    honestNamed += [...run.named].filter((peer) => !run.liars.includes(peer)).length
  }
  if (lied === 0) throw new Error(`liars who ${name}: nobody lied`)
  const row = (what: string) => `liars, ${name}: ${what}`
  const shares = { unit: '%', better: 'higher', bar: 100 } as const
  report({ case: row('same choice as without them'), value: (100 * alike) / decided, ...shares })
  report({ case: row('named'), value: (100 * named) / lied, ...shares })
  report({ case: row('honest named'), value: honestNamed, unit: 'peers', better: 'lower', bar: 0 })
  const work = { unit: 'scorers', better: 'lower', bar: null } as const
  report({ case: row('scorers by candidate'), value: scorings / candidates, ...work })
}

export const liars: BenchCase = {
  name: 'liars',
  title: `${MEMBERS} scorers of which ${LIARS} collude, ${SEEDS} runs of ${GENERATIONS} generations a kind of lie`,
  async run(context) {
    for (const [name, lie] of Object.entries(LIES)) measure(context, name, lie)
  },
}
