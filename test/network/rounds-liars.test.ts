/** Ten members over the real service, of which three work together: what is selected is what the honest ones alone would select. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Genome } from '../../node/federated/evolve/strategy.ts'
import type { RunState } from '../../node/federated/rounds/run-state.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'
import { joinOf, paperRun, peersNamed, toySpec } from '../helpers/paper-run.ts'
import { startRoundVillage, stopRoundNodes } from '../helpers/round-nodes.ts'
import { toyWorkload } from '../helpers/toy-workload.ts'

const test = suite('runs with members that lie together')
const MEMBERS = 10
const LIARS = [2, 5, 8]

test.after.each(async () => {
  await stopRoundNodes()
  await stopMeshNodes()
})

/** Theirs are all that lie on one side of the cube. */
const isTheirs = ({ x }: Genome): boolean => (x as number[])[0]! > 0.5

const selected = ({ history, winner, result }: RunState) => ({
  generations: history.map(({ candidates, best }) => ({
    genomes: candidates.map(({ genome, objectives }) => ({ genome, objectives })),
    best,
  })),
  winner,
  genome: result?.genome,
})

test('three of ten praise their own and sink the others: all members name them, and select as without them', async () => {
  const spec = toySpec({
    minimum: MEMBERS,
    population: 6,
    limits: { generations: 2 },
    deadlines: { proposeMs: 20_000, commitMs: 20_000, revealMs: 20_000, buildMs: 20_000 },
  })
  const change = (scores: Float32Array, genome: Genome) => scores.fill(isTheirs(genome) ? 1 : 0)
  const nodes = await startRoundVillage(
    Array.from({ length: MEMBERS }, (_, index) =>
      LIARS.includes(index) ? { workloads: { toy: toyWorkload({ change }) } } : {},
    ),
  )
  const liars = LIARS.map((index) => nodes[index]!.peer).sort()
  const { run } = await nodes[0]!.rounds.announce(spec, new AbortController().signal)
  const stateOf = (node: (typeof nodes)[number]) =>
    node.rounds.list().some((view) => view.run === run) ? node.rounds.details(run).state : null
  await until(
    'the run is over everywhere',
    () => nodes.every((node) => (stateOf(node)?.endedAtMs ?? null) !== null),
    60_000,
  )
  for (const node of nodes) {
    const { lies, tip } = stateOf(node)!
    assert.is(tip, stateOf(nodes[0]!)!.tip, 'the ledgers are equal')
    assert.equal([...new Set(lies.map(({ peer }) => peer))].sort(), liars)
    assert.ok((await node.rounds.verify(run)).ok)
  }
  // The same run on paper, where nobody lies.
  const honest = paperRun(spec)
  honest.block(peersNamed(MEMBERS).map((peer) => joinOf(peer)))
  honest.play()
  assert.is(honest.state.phase, 'published')
  assert.equal(selected(stateOf(nodes[0]!)!), selected(honest.state))
})

test.run()
