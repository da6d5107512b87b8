/** Runs of evolution over several nodes: from the announcement to the winner, with equal ledgers. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Genome } from '../../node/federated/evolve/strategy.ts'
import { genomeHash } from '../../node/federated/rounds/run-rules.ts'
import { openStore } from '../../node/store.ts'
import { joinWith, stopMeshNodes, until } from '../helpers/mesh.ts'
import { toySpec } from '../helpers/paper-run.ts'
import { type RoundNode, startRoundNode, startRoundVillage, stopRoundNodes } from '../helpers/round-nodes.ts'
import { toyWorkload } from '../helpers/toy-workload.ts'

const test = suite('runs over several nodes')
const SIGNAL = new AbortController().signal

test.after.each(async () => {
  await stopRoundNodes()
  await stopMeshNodes()
})

/** Counts what each node scores. */
function counting() {
  const scorings = new Map<string, number>()
  const workload = toyWorkload({
    watch(genome: Genome, split) {
      const key = `${split} ${genomeHash(genome)}`
      scorings.set(key, (scorings.get(key) ?? 0) + 1)
    },
  })
  return { scorings, workloads: { toy: workload } }
}

const isOver = (node: RoundNode, run: string) =>
  ['published', 'ended'].includes(node.rounds.list().find((view) => view.run === run)?.phase ?? '')

const generationOf = (node: RoundNode, run: string): number =>
  node.rounds.list().find((view) => view.run === run)?.generation ?? -1

async function blocksOf(node: RoundNode, run: string): Promise<string> {
  const verdict = await node.rounds.verify(run)
  assert.ok(verdict.ok, JSON.stringify(verdict))
  return JSON.stringify([verdict.height, verdict.hash])
}

test('three nodes: a run ends published, all ledgers are equal, nothing was scored twice', async () => {
  const counters = [counting(), counting(), counting()]
  const nodes = await startRoundVillage(counters.map(({ workloads }) => ({ workloads })))
  const first = nodes[0]!
  const { cid } = await first.artifacts.addBytes(Buffer.from('what scoring needs'), {
    pin: 'mine',
    private: true,
  })
  const { run } = await first.rounds.announce(
    toySpec({
      minimum: 3,
      workload: { kind: 'toy', options: { items: 24, input: cid } },
      deadlines: { proposeMs: 4_000, commitMs: 4_000, revealMs: 4_000, buildMs: 4_000 },
    }),
    SIGNAL,
  )
  await until('the run is over everywhere', () => nodes.every((node) => isOver(node, run)))
  const view = first.rounds.view(run)
  assert.is(view.phase, 'published', JSON.stringify(view))
  const ledgers = await Promise.all(nodes.map((node) => blocksOf(node, run)))
  assert.is(new Set(ledgers).size, 1, 'the ledgers are equal')
  const states = nodes.map((node) => node.rounds.details(run).state)
  assert.equal(states[1], states[0])
  assert.equal(states[2], states[0])
  assert.ok(await nodes[2]!.artifacts.has(cid), 'what is private is lent to those who take part')
  for (const { scorings } of counters) for (const [what, times] of scorings) assert.is(times, 1, what)
})

test('a partition without a majority stands still, and goes on when it heals', async () => {
  const nodes = await startRoundVillage([{}, {}, {}, {}])
  const peers = nodes.map(({ peer }) => peer)
  const spec = toySpec({ minimum: 4, limits: { generations: 4 } })
  const { run } = await nodes[0]!.rounds.announce(spec, SIGNAL)
  await until('the second generation', () => nodes.every((node) => generationOf(node, run) >= 1))
  for (const [index, node] of nodes.entries()) node.cut(index < 2 ? peers.slice(2) : peers.slice(0, 2))
  const sentWithin = (index: number) =>
    nodes[index]!.rounds.view(run).traffic[peers[index % 2 === 0 ? index + 1 : index - 1]!]?.outBytes ?? 0
  // What was on its way when the network was cut may still arrive; from then on both halves try in vain.
  let heights: number[] = []
  let sent: number[] = []
  await until('both halves stand still, however often they try', () => {
    const now = nodes.map((node) => node.rounds.view(run).height)
    if (now.some((height, index) => height !== heights[index])) {
      heights = now
      sent = nodes.map((_, index) => sentWithin(index))
    }
    return nodes.every((_, index) => sentWithin(index) > sent[index]! + 200)
  })
  assert.ok(
    nodes.every((node) => !isOver(node, run)),
    'the cut came in time',
  )
  assert.ok(Math.max(...heights) - Math.min(...heights) <= 1, heights.join(' '))
  for (const node of nodes) node.cut([])
  await until('the run is over everywhere', () => nodes.every((node) => isOver(node, run)))
  const ledgers = await Promise.all(nodes.map((node) => blocksOf(node, run)))
  assert.is(new Set(ledgers).size, 1, 'the ledgers are equal')
  assert.is(nodes[0]!.rounds.view(run).phase, 'published')
})

test('one joins late, one leaves and returns after three generations: both catch up and take part', async () => {
  const [first, second, third] = (await startRoundVillage([{}, {}, {}])) as [RoundNode, RoundNode, RoundNode]
  const spec = toySpec({ minimum: 3, limits: { generations: 12 } })
  const { run } = await first.rounds.announce(spec, SIGNAL)
  const standStill = async (generation: number) => {
    await until(`generation ${generation}`, () => generationOf(first, run) >= generation)
    first.rounds.act(run, 'pause')
    await until('it stands still', () => first.rounds.view(run).isPaused)
  }
  const isHere = (peer: string) =>
    first.rounds.view(run).participants.some((one) => one.peer === peer && one.gone === null)
  await standStill(1)
  const { directory } = third.mesh
  await third.stop()
  await until('it has said that it leaves', () => !isHere(third.peer))
  const left = generationOf(first, run)
  first.rounds.act(run, 'resume')
  await standStill(left + 3)
  const returned = await startRoundNode({ directory })
  const late = await startRoundNode({})
  await joinWith(first.mesh, late.mesh)
  await until('both have joined', () => isHere(returned.peer) && isHere(late.peer))
  first.rounds.act(run, 'resume')
  const nodes = [first, second, returned, late]
  await until('the run is over everywhere', () => nodes.every((node) => isOver(node, run)))
  const ledgers = await Promise.all(nodes.map((node) => blocksOf(node, run)))
  assert.is(new Set(ledgers).size, 1, 'the ledgers are equal')
  const { history } = first.rounds.details(run).state
  const later = new Set(
    history.slice(left + 3).flatMap((row) => row.candidates.flatMap((one) => one.scorers)),
  )
  assert.ok(later.has(returned.peer) && later.has(late.peer), [...later].join(' '))
})

test('a block that the disk has changed is put aside and fetched again, and own votes that are lost are not guessed', async () => {
  const [first, second] = (await startRoundVillage([{}, {}])) as [RoundNode, RoundNode]
  const { run } = await first.rounds.announce(toySpec({ minimum: 2, limits: { generations: 50 } }), SIGNAL)
  await until('the third generation', () => generationOf(second, run) >= 2)
  first.rounds.act(run, 'pause')
  await until('it stands still', () => second.rounds.view(run).isPaused)
  const { height } = second.rounds.view(run)
  const { directory } = second.mesh
  await second.stop()
  const store = await openStore({ directory })
  const table = store.bytes('ledgers')
  for await (const [key, value] of table.entries({ prefix: '' }))
    if (/^(record|block.*0000000003$)/.test(key))
      await table.put(
        key,
        value.map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
      )
  await store.close()
  const again = await startRoundNode({ directory })
  await until('it has the blocks again', () => (again.rounds.list()[0]?.height ?? 0) >= height)
  first.rounds.act(run, 'stop')
  await until('the run is over', () => isOver(first, run) && isOver(again, run))
  assert.is(await blocksOf(again, run), await blocksOf(first, run))
})

test('who decides alone and loses its last blocks makes no others in their place', async () => {
  const [first, second] = (await startRoundVillage([{}, {}])) as [RoundNode, RoundNode]
  const { run } = await first.rounds.announce(toySpec({ minimum: 2, limits: { generations: 50 } }), SIGNAL)
  await until('the third generation', () => generationOf(second, run) >= 2)
  first.rounds.act(run, 'pause')
  await until('it stands still', () => second.rounds.view(run).isPaused)
  assert.equal(first.rounds.view(run).committee, [first.peer])
  const { height } = second.rounds.view(run)
  const { directory } = first.mesh
  await first.stop()
  const store = await openStore({ directory })
  const table = store.bytes('ledgers')
  const blocks: string[] = []
  for await (const [key] of table.entries({ prefix: 'block/' })) blocks.push(key)
  const damaged = blocks.at(-3)!
  const value = (await table.get(damaged))!
  await table.put(
    damaged,
    value.map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
  )
  await store.close()
  const again = await startRoundNode({ directory })
  const isActive = () =>
    again.rounds.list()[0]?.participants.some(({ peer, gone }) => peer === first.peer && gone === null) ??
    false
  await until(
    'it has the blocks again, and those behind',
    () => again.rounds.view(run).height > height && isActive(),
  )
  again.rounds.act(run, 'stop')
  await until('the run is over', () => isOver(again, run) && isOver(second, run))
  assert.is(await blocksOf(again, run), await blocksOf(second, run))
})

test.run()
