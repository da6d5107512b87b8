/**
 * The consensus against a bad network, crashes and liars: never two blocks at a height, and every block in the end. Each case runs over many
 * seeds; VILLAGE_CONSENSUS_SEEDS=n multiplies them by n. A case that fails says its seed, and the same seed fails again.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Lie } from '../../../helpers/consensus-liars.ts'
import { type SimInit, type SimResult, simulate } from '../../../helpers/consensus-sim.ts'

const FACTOR = Number(process.env.VILLAGE_CONSENSUS_SEEDS ?? 1)

/** Some loss and short delays; everything becomes well after 20 s of the virtual clock. */
const ROUGH = {
  heights: 7,
  loss: 0.1,
  maxDelayMs: 300,
  crashes: 3,
  partitions: 2,
  healedAtMs: 20_000,
  untilMs: 200_000,
}
/** Delays longer than all timeouts and a third lost: views follow each other and locks matter. */
const CHURN = {
  heights: 5,
  loss: 0.35,
  maxDelayMs: 1_500,
  crashes: 6,
  partitions: 2,
  healedAtMs: 60_000,
  untilMs: 400_000,
}

const simulation = suite('consensus under faults')

function runSeeds(
  base: typeof ROUGH,
  seeds: number,
  init: Pick<SimInit, 'members'> & Partial<SimInit>,
): SimResult[] {
  return Array.from({ length: seeds * FACTOR }, (_, seed) => {
    const result = simulate({ ...base, ...init, seed })
    assert.equal(result.violations, [], `seed ${seed}`)
    assert.is.not(result.doneAtMs, null, `seed ${seed} ended at heights ${result.heights.join()}`)
    return result
  })
}

const total = (results: readonly SimResult[], of: keyof SimResult['events']) =>
  results.reduce((sum, { events }) => sum + events[of], 0)

const cases: [string, typeof ROUGH, number, number, readonly Lie[], number?][] = [
  ['one member', ROUGH, 6, 1, []],
  ['two members', ROUGH, 10, 2, []],
  ['three members', ROUGH, 20, 3, []],
  ['three members, long delays', CHURN, 20, 3, []],
  ['four members', ROUGH, 20, 4, []],
  ['four members, long delays', CHURN, 15, 4, []],
  ['four members, one silent', ROUGH, 12, 4, ['silent']],
  ['four members, one with a twin', ROUGH, 12, 4, ['twins']],
  ['four members, one with a twin, long delays', CHURN, 10, 4, ['twins']],
  ['four members, one votes at random', ROUGH, 10, 4, ['random']],
  ['four members, one votes for everything, long delays', CHURN, 12, 4, ['rival']],
  ['four members, one forgets what it signed', ROUGH, 12, 4, ['stale']],
  ['five members, one votes for everything, long delays', CHURN, 6, 5, ['rival']],
  ['seven members, two lie', ROUGH, 2, 7, ['twins', 'random']],
  ['seven members, two lie, long delays', CHURN, 2, 7, ['rival', 'stale']],
  ['six members of whom four decide, one with a twin', ROUGH, 8, 6, ['twins'], 4],
]
for (const [what, base, seeds, members, liars, committee] of cases)
  simulation(what, () => {
    const results = runSeeds(base, seeds, {
      members,
      liars,
      ...(committee === undefined ? {} : { committee }),
    })
    // It was as bad as it says, and those who lied were seen to.
    assert.ok(total(results, 'crashes') > 0)
    if (members > 1) assert.ok(total(results, 'lost') > 0 && total(results, 'views') > 0)
    if (liars.some((lie) => lie === 'twins' || lie === 'random' || lie === 'rival'))
      assert.ok(
        results.some(({ named }) => named.size > 0),
        'no liar was named',
      )
  })

simulation('a committee whose members forget what they signed is seen to break', () => {
  const broken = Array.from({ length: 20 }, (_, seed) =>
    simulate({ ...ROUGH, members: 4, seed, forgetful: true }),
  )
  assert.ok(
    broken.some(({ violations }) => violations.length > 0),
    'the checks of these tests see nothing',
  )
})

simulation('with real signatures, and through the bytes of messages and records', () => {
  runSeeds(ROUGH, 1, { members: 4, liars: ['twins'], real: true })
  runSeeds(ROUGH, 1, { members: 3, real: true })
})

simulation('a side without a quorum makes no block, and catches up', () => {
  // Two halves of four for nearly the whole bad time, and no other fault.
  const results = Array.from({ length: 10 * FACTOR }, (_, seed) =>
    simulate({ ...ROUGH, members: 4, seed, loss: 0, crashes: 0, partitions: 6, heights: 30 }),
  )
  for (const { violations, doneAtMs } of results) {
    assert.equal(violations, [])
    assert.is.not(doneAtMs, null)
  }
  assert.ok(total(results, 'synced') > 0)
})

simulation.run()
