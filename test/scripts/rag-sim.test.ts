/** The simulation of a village of virtual peers, small: asking all gives the central ranking, asking few by sketches nearly so. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { generateJudgedSet } from '../../scripts/rag-sim/judged-set.ts'
import { type SimulationInit, type SimulationReport, simulate } from '../../scripts/rag-sim/simulate.ts'

const test = suite('simulated village')
const SET = generateJudgedSet({ documents: 200, topics: 12, queries: 40, seed: 3 })

function run(more: Partial<SimulationInit>): SimulationReport {
  const directory = mkdtempSync(path.join(tmpdir(), 'rag-sim-test-'))
  try {
    return simulate(SET, directory, {
      peers: 12,
      segmentsByPeer: 1,
      replicas: 0,
      allocation: 'topical',
      seed: 1,
      contacted: [3],
      ...more,
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const rowOf = ({ rows }: SimulationReport, contacted: number, choice: string, statistics: string) =>
  rows.find((row) => row.contacted === contacted && row.choice === choice && row.statistics === statistics)!

const plain = run({})
const cut = run({ segmentsByPeer: 3, allocation: 'random' })
const copied = run({ segmentsByPeer: 3, allocation: 'random', replicas: 3 })

test('peers on topics: three of twelve keep nearly all, three at random do not', () => {
  const asked = rowOf(plain, 3, 'sketches', 'all')
  assert.ok(plain.centralNdcg > 0.9)
  assert.ok(asked.share > 0.97, `${asked.share}`)
  assert.ok(rowOf(plain, 3, 'random', 'all').share < 0.6)
  assert.ok(asked.overlap > rowOf(plain, 3, 'sketches', 'own').overlap)
  assert.ok(asked.peers > 2 && asked.peers <= 3)
  assert.ok(Math.abs(asked.messages - 4 * asked.peers) < 1e-9)
  assert.ok(asked.bytes > 0 && plain.sketchBytes > 0 && plain.bytesByTerm < 3.5)
})

test('all peers give the ranking of the central index, also with several segments and copies', () => {
  for (const report of [plain, cut, copied]) {
    const all = rowOf(report, 12, 'sketches', 'all')
    assert.is(all.share, 1)
    assert.is(all.overlap, 1)
  }
})

test('copies make peers hold more, so that as many of them answer for more', () => {
  const [few, many] = [rowOf(cut, 3, 'sketches', 'all'), rowOf(copied, 3, 'sketches', 'all')]
  assert.ok(many.overlap > few.overlap, `${many.overlap} with copies, ${few.overlap} without`)
})

test('the same seed gives the same report', () => {
  assert.equal(run({}), plain)
})

test.run()
