/** Costs of a growing village, small: every cost is as its formula in docs/scale.md says, at 10 and at 50 peers, so none grows faster. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { announceEveryMs, MOST_TIMES_AS_LONG, STEADY_MEMBERS } from '../../node/mesh/announce-interval.ts'
import { isWithin } from '../../scripts/scale/cost.ts'
import { gossipMesh, spread } from '../../scripts/scale/gossip-graph.ts'
import { COST_CASES } from '../../scripts/scale/table.ts'

const test = suite('scale')
const PEERS = [10, 50]
const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/scale.md'), 'utf8')

for (const { name, run } of COST_CASES)
  test(`${name}: what is counted is what the formulas say`, async () => {
    for (const peers of PEERS)
      for (const row of await run(peers)) {
        const { cost, measured, formula, tolerance, unit } = row
        assert.ok(
          isWithin(row),
          `${cost}, ${peers} peers: ${measured} ${unit}, not ${formula} ± ${100 * tolerance}%`,
        )
        assert.ok(PAGE.includes(cost), `docs/scale.md does not say what it costs: ${cost}`)
      }
  })

test('a formula that a cost has outgrown is noticed', () => {
  const row = { cost: 'x', peers: 10, unit: 'bytes', formula: 100, tolerance: 0.1 }
  assert.ok(isWithin({ ...row, measured: 109 }))
  assert.not.ok(isWithin({ ...row, measured: 111 }))
  assert.not.ok(isWithin({ ...row, measured: 89 }))
})

test('gossip reaches everybody, with as many copies by peer however many there are', () => {
  for (const peers of [2, 10, 50, 300]) {
    const { reached, copies } = spread(gossipMesh(peers))
    assert.is(reached, peers)
    assert.ok(copies <= 6 * peers)
  }
})

test('what all members announce together stops growing, and no number of members puts an announcement off for ever', () => {
  const byMinute = (members: number) => (members * 60_000) / announceEveryMs(30_000, members)
  assert.is(announceEveryMs(30_000, 1), 30_000)
  assert.is(announceEveryMs(30_000, STEADY_MEMBERS), 30_000)
  assert.is(byMinute(1_000), byMinute(STEADY_MEMBERS))
  for (const members of [MOST_TIMES_AS_LONG * STEADY_MEMBERS, 9_000, 10_000, Number.MAX_SAFE_INTEGER])
    assert.is(announceEveryMs(30_000, members), 120_000)
})

test.run()
