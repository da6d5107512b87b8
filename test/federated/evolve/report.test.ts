/** The report of a run that the real state machine went through, and the tests of significance in it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { reportText } from '../../../node/cli/evolve-text.ts'
import type { ReportView } from '../../../node/cli/evolve-view.ts'
import { lineageOf } from '../../../node/federated/evolve/lineage.ts'
import { comparePaired, holm, signFlipTest } from '../../../node/federated/evolve/paired-test.ts'
import { evolveReport, reportInput } from '../../../node/federated/evolve/report.ts'
import { joinOf, type PaperRun, paperRun, peersNamed, toySpec } from '../../helpers/paper-run.ts'

const test = suite('the report of a run')

function finished(change: Record<string, unknown> = {}): {
  run: PaperRun
  report: ReportView
  peers: string[]
} {
  const peers = peersNamed(4)
  const run = paperRun(
    toySpec({
      minimum: 4,
      population: 8,
      limits: { generations: 12 },
      workload: { kind: 'toy', options: { items: 60 } },
      ...change,
    }),
  )
  run.block(peers.map((peer) => joinOf(peer)))
  run.play({ liars: { [peers[3]!]: (scores) => scores.map((score) => 1 - score) } })
  const traffic = { [peers[1]!]: { inBytes: 3_000, outBytes: 1_000 } }
  // As the pool and the API hand it over.
  const input = structuredClone(reportInput(run.rules, run.state, traffic))
  const report = JSON.parse(JSON.stringify(evolveReport(input))) as ReportView
  return { run, report, peers }
}

test('tells generations, candidates, peers and bytes as the ledger has them', () => {
  const { run, report, peers } = finished()
  const { state } = run
  assert.is(report.phase, 'published')
  assert.is(report.generations.length, state.history.length)
  assert.is(report.evaluations, state.evaluations)
  for (const [index, row] of report.generations.entries()) {
    assert.is(row.best, state.history[index]!.best?.mean)
    assert.is(row.means[0], row.best)
    if (index > 0) assert.ok(row.bestSoFar! >= report.generations[index - 1]!.bestSoFar!)
  }
  assert.is(report.candidates[0]!.mean, state.best!.mean)
  const liar = report.peers.find(({ peer }) => peer === peers[3])!
  assert.is(liar.lies > 0, true)
  assert.equal(
    report.lies.map(({ peer }) => peer),
    state.lies.map(({ peer }) => peer),
  )
  const counted = report.peers.find(({ peer }) => peer === peers[1])!
  assert.is(counted.bytesPerCandidate, 4_000 / state.evaluations)
  assert.ok(counted.scored > 0)
  assert.ok(report.peers.every(({ peer }) => peers.includes(peer)))
})

test('the lineage of the winner ends at seeds and samples, no ancestor younger than its child', () => {
  const { run, report } = finished()
  const { id, nodes } = report.lineage!
  assert.is(id, run.state.winner)
  assert.is(nodes[0]!.id, id)
  const byId = new Map(nodes.map((node) => [node.id, node]))
  for (const node of nodes) {
    for (const parent of node.parents) assert.ok(byId.get(parent)!.generation <= node.generation)
    if (node.parents.length === 0) assert.ok(['seed', 'sample'].includes(node.by), node.by)
    else assert.ok(!node.parents.includes(node.id))
  }
  assert.equal(lineageOf(run.state.history, '99.0'), [])
})

test('the winner is compared with every seed on the final items, corrected for their number', () => {
  const { run, report } = finished()
  const final = report.final!
  assert.is(final.items, run.rules.workload.items(run.rules.spec.workload.options, 'final'))
  assert.equal(
    final.comparisons.map(({ seed }) => seed),
    run.state.final.filter(({ kind }) => kind === 'seed').map(({ id }) => id),
  )
  assert.equal(
    final.comparisons.map(({ adjustedP }) => adjustedP),
    holm(final.comparisons.map(({ p }) => p)),
  )
  const [winner] = final.rows.filter(({ kind }) => kind === 'winner')
  for (const { seed, difference, verdict, adjustedP } of final.comparisons) {
    const row = final.rows.find(({ id }) => id === seed)!
    assert.ok(Math.abs(difference.value - (winner!.mean!.value - row.mean!.value)) < 1e-9)
    assert.ok(difference.low <= difference.value && difference.value <= difference.high)
    assert.is(verdict === 'better', adjustedP < 0.05 && difference.value > 0)
  }
  assert.is(
    final.beatsAllSeeds,
    final.comparisons.every(({ verdict }) => verdict === 'better'),
  )
  assert.is(report.finalists.length > 0, true)
})

test('the claim is about every seed: of one that was not compared nothing is known', () => {
  const { run } = finished({ publish: { id: 'better' } })
  const whole = structuredClone(reportInput(run.rules, run.state, {}))
  const reportOf = (final: typeof whole.state.final) =>
    JSON.parse(JSON.stringify(evolveReport({ ...whole, state: { ...whole.state, final } }))) as ReportView
  const { final: rows } = whole.state
  const all = reportOf(rows)
  assert.is(all.final!.beatsAllSeeds, true, 'the toy is easy')
  assert.is(all.final!.seeds, 2)
  assert.match(reportText(all), /The winner beats every seed/)
  assert.match(reportText(all), /becomes the model better/)
  const last = rows.length - 1
  const unscored = rows.map((row, index) => (index === last ? { ...row, values: null } : row))
  for (const part of [unscored, rows.slice(0, last)]) {
    const report = reportOf(part)
    assert.is(report.final!.beatsAllSeeds, null)
    assert.is(report.final!.beaten, 1)
    assert.match(reportText(report), /beats 1 of 2 seeds; nothing is known of 1 that nobody could score/)
    assert.match(reportText(report), /NOT BETTER: .* becomes no model/)
  }
  const winnerAlone = rows.map((row) => (row.kind === 'seed' ? { ...row, values: null } : row))
  assert.is(reportOf(winnerAlone).final!.beatsAllSeeds, null)
  const winner = rows.find(({ kind }) => kind !== 'seed')!
  const same = rows.map((row, index) => (index === last ? { ...row, values: winner.values } : row))
  const report = reportOf(same)
  assert.is(report.final!.beatsAllSeeds, false)
  assert.match(reportText(report), /beats 1 of 2 seeds; it cannot be told from seed 1 \(/)
  const lines = reportText(report).split('\n')
  assert.match(lines.at(-2)!, /NOT BETTER/)
})

test('a run that has hardly begun has a report too', () => {
  const run = paperRun(toySpec({ minimum: 3 }))
  const report = JSON.parse(JSON.stringify(evolveReport(reportInput(run.rules, run.state, {})))) as ReportView
  assert.is(report.final, null)
  assert.is(report.lineage, null)
  assert.is(report.elapsedMs, null)
  assert.match(reportText(report), /announced/)
})

test('Holm’s correction', () => {
  assert.equal(
    holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(10))),
    [0.03, 0.06, 0.06, 0.02],
  )
  assert.equal(holm([]), [])
  assert.equal(holm([0.6, 0.7]), [1, 1])
})

test('the sign-flip test: exact cases, and its level under chance', () => {
  // Six differences of one sign: 2 of 64 choices of signs are as far from 0.
  assert.ok(Math.abs(signFlipTest([1, 1, 1, 1, 1, 1], 1) - 2 / 64) < 0.006)
  assert.is(signFlipTest([0, 0, 0], 1), 1)
  const even = signFlipTest([0.3, -0.3, 0.1, -0.1], 2)
  assert.is(even, 1)
  assert.ok(
    signFlipTest(
      Array.from({ length: 60 }, (_, i) => (i % 4 === 0 ? -0.2 : 0.25)),
      3,
    ) < 0.001,
  )
})

test('comparisons choose the test by what scores are', () => {
  const first = [0, 0, 1, 0, 0, 0, 0, 0, 1, 1]
  const second = [1, 1, 1, 1, 1, 1, 1, 1, 0, 1]
  const binary = comparePaired(first, second, { isBinary: true, seed: 1 })
  assert.equal([binary.better, binary.equal, binary.worse, binary.test], [7, 2, 1, 'mcnemar'])
  assert.ok(Math.abs(binary.p - 2 * (9 / 256)) < 1e-12)
  const shares = comparePaired(first, second, { isBinary: false, seed: 1 })
  assert.is(shares.test, 'sign-flip')
  assert.ok(Math.abs(shares.p - 2 * (9 / 256)) < 0.01)
})

test.run()
