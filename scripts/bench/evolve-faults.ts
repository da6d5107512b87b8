/**
 * What happens to a run when its coordinator is killed in each phase, when the village is cut in two, and when members come late or
 * return: it has to end once, with equal ledgers, and nothing may be scored twice. Real nodes, a workload that takes no time.
 */
import type { BlockView } from '../../node/federated/rounds/block-view.ts'
import { genomeHash } from '../../node/federated/rounds/run-rules.ts'
import type { Phase } from '../../node/federated/rounds/run-state.ts'
import { joinWith, stopMeshNodes, temporaryDirectory, until } from '../../test/helpers/mesh.ts'
import { toySpec } from '../../test/helpers/paper-run.ts'
import { killRemoteRoundNodes, startRemoteRoundVillage } from '../../test/helpers/remote-round-node.ts'
import {
  type RoundNode,
  startRoundNode,
  startRoundVillage,
  stopRoundNodes,
} from '../../test/helpers/round-nodes.ts'
import { toyWorkload } from '../../test/helpers/toy-workload.ts'
import type { BenchCase } from './bench-cases.ts'

const PHASES: readonly Phase[] = ['proposing', 'commit', 'reveal', 'merging']
const GIVE_UP_MS = 60_000
const POLL_MS = 15
/** Candidates that a node scores at once (test/helpers/round-nodes.ts). */
const AT_ONCE = 2

/** How a run ended. */
interface Ending {
  readonly phases: readonly string[]
  readonly ledgers: number
  /** Candidates that a node scored more than once; what a killed process was at is not counted. */
  readonly scoredTwice: number
  readonly seconds: number
}

const isOver = (phase: string) => phase === 'published' || phase === 'ended'

async function poll<T>(what: string, read: () => Promise<T | null>): Promise<T> {
  const giveUpAtMs = performance.now() + GIVE_UP_MS
  for (;;) {
    const found = await read()
    if (found !== null) return found
    if (performance.now() > giveUpAtMs) throw new Error(`waited ${GIVE_UP_MS} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** SIGKILL of the coordinator's process in a phase; it comes back when the others have gone on. */
async function killedIn(phase: Phase): Promise<Ending> {
  const directories = await Promise.all([0, 1, 2].map(() => temporaryDirectory()))
  const nodes = await startRemoteRoundVillage(directories)
  const spec = toySpec({
    minimum: 3,
    population: 6,
    limits: { generations: 3 },
    deadlines: { proposeMs: 1_200, commitMs: 1_200, revealMs: 1_200, buildMs: 2_000 },
  })
  const started = performance.now()
  const { run } = await nodes[0]!.ask<{ run: string }>({ call: 'announce', spec })
  const seen = await poll(`the phase ${phase}`, async () => {
    const view = await nodes[1]!.view(run)
    if (view !== null && isOver(view.phase)) throw new Error('the run was over before the kill')
    return view?.phase === phase && (phase === 'merging' || view.generation === 1) ? view : null
  })
  const killed = nodes.find(({ peer }) => peer === seen.coordinator)!
  await killed.kill()
  const other = nodes.find((node) => node !== killed)!
  await poll('the others go on', async () => {
    const view = await other.view(run)
    return view !== null && (view.height > seen.height + 1 || isOver(view.phase)) ? view : null
  })
  await killed.restart()
  const views = await Promise.all(
    nodes.map((node) =>
      poll('the run is over', async () => {
        const view = await node.view(run)
        return view !== null && isOver(view.phase) ? view : null
      }),
    ),
  )
  const seconds = (performance.now() - started) / 1000
  const ledgers = await Promise.all(nodes.map((node) => node.ask<BlockView[]>({ call: 'blocks', run })))
  const again = await Promise.all(
    nodes.map(async (node) => {
      const twice = [...(await node.scorings()).values()].filter((times) => times > 1).length
      return Math.max(0, twice - (node === killed ? AT_ONCE : 0))
    }),
  )
  return {
    phases: views.map((view) => view.phase),
    ledgers: new Set(ledgers.map((blocks) => JSON.stringify(blocks.map(({ hash }) => hash)))).size,
    scoredTwice: again.reduce((sum, count) => sum + count, 0),
    seconds,
  }
}

/** Nodes in this process that count what they score. */
function counters() {
  const all: Map<string, number>[] = []
  const init = () => {
    const scorings = new Map<string, number>()
    all.push(scorings)
    const workload = toyWorkload({
      watch(genome, split) {
        const key = `${split} ${genomeHash(genome)}`
        scorings.set(key, (scorings.get(key) ?? 0) + 1)
      },
    })
    return { workloads: { toy: workload } }
  }
  const twice = () =>
    all.reduce((sum, scorings) => sum + [...scorings.values()].filter((times) => times > 1).length, 0)
  return { init, twice }
}

const viewAt = (node: RoundNode, run: string) => node.rounds.list().find((view) => view.run === run)
const generationOf = (node: RoundNode, run: string): number => viewAt(node, run)?.generation ?? -1

async function endingOf(
  nodes: readonly RoundNode[],
  run: string,
  init: { readonly twice: () => number; readonly started: number },
): Promise<Ending> {
  await until('the run is over everywhere', () =>
    nodes.every((node) => isOver(viewAt(node, run)?.phase ?? '')),
  )
  const seconds = (performance.now() - init.started) / 1000
  const verdicts = await Promise.all(nodes.map((node) => node.rounds.verify(run)))
  const broken = verdicts.find((verdict) => !verdict.ok)
  if (broken !== undefined) throw new Error(`a ledger does not verify: ${JSON.stringify(broken)}`)
  return {
    phases: nodes.map((node) => viewAt(node, run)!.phase),
    ledgers: new Set(verdicts.map((verdict) => JSON.stringify(verdict))).size,
    scoredTwice: init.twice(),
    seconds,
  }
}

/** Two against two: neither half may go on, and both do when they hear one another again. */
async function partition(): Promise<Ending> {
  const { init, twice } = counters()
  const nodes = await startRoundVillage([init(), init(), init(), init()])
  const peers = nodes.map(({ peer }) => peer)
  const started = performance.now()
  const spec = toySpec({ minimum: 4, limits: { generations: 4 } })
  const { run } = await nodes[0]!.rounds.announce(spec, new AbortController().signal)
  await until('the second generation', () => nodes.every((node) => generationOf(node, run) >= 1))
  for (const [index, node] of nodes.entries()) node.cut(index < 2 ? peers.slice(2) : peers.slice(0, 2))
  const traffic = () =>
    nodes.map((node) =>
      Object.values(node.rounds.view(run).traffic).reduce((sum, { outBytes }) => sum + outBytes, 0),
    )
  const heights = () => nodes.map((node) => node.rounds.view(run).height)
  let still = { heights: heights(), sent: traffic() }
  // Each has tried again in vain, at an unchanged height.
  await until('both halves stand still', () => {
    const now = heights()
    if (now.some((height, index) => height !== still.heights[index]))
      still = { heights: now, sent: traffic() }
    return traffic().every((bytes, index) => bytes > still.sent[index]! + 400)
  })
  for (const node of nodes) node.cut([])
  return endingOf(nodes, run, { twice, started })
}

/** One leaves and returns after three generations, another joins for the first time then. */
async function comingAndGoing(): Promise<Ending> {
  const { init, twice } = counters()
  const [first, second, third] = (await startRoundVillage([init(), init(), init()])) as [
    RoundNode,
    RoundNode,
    RoundNode,
  ]
  const started = performance.now()
  const spec = toySpec({ minimum: 3, limits: { generations: 10 } })
  const { run } = await first.rounds.announce(spec, new AbortController().signal)
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
  const returned = await startRoundNode({ directory, ...init() })
  const late = await startRoundNode(init())
  await joinWith(first.mesh, late.mesh)
  await until('both have joined', () => isHere(returned.peer) && isHere(late.peer))
  first.rounds.act(run, 'resume')
  return endingOf([first, second, returned, late], run, { twice, started })
}

const FAULTS: readonly (readonly [name: string, run: () => Promise<Ending>])[] = [
  ...PHASES.map((phase) => [`SIGKILL of the coordinator, ${phase}`, () => killedIn(phase)] as const),
  ['two halves of four cut apart', partition],
  ['one joins late, one returns after three generations', comingAndGoing],
]

export const faults: BenchCase = {
  name: 'faults',
  title: 'killed coordinators, a cut network, members that come and go',
  async run({ report, signal }) {
    let ended = 0
    let scoredTwice = 0
    for (const [name, run] of FAULTS) {
      signal.throwIfAborted()
      try {
        const { phases, ledgers, scoredTwice: twice, seconds } = await run()
        if (ledgers === 1 && phases.every((phase) => phase === 'published')) ended += 1
        scoredTwice += twice
        const watched = { unit: 's', better: 'lower', bar: null } as const
        report({ case: `faults, ${name}: until the end`, value: seconds, ...watched })
      } finally {
        killRemoteRoundNodes()
        await stopRoundNodes()
        await stopMeshNodes()
      }
    }
    const all = { unit: 'runs', better: 'higher', bar: FAULTS.length } as const
    report({ case: 'faults: ended once, all ledgers equal', value: ended, ...all })
    const twice = { unit: 'candidates', better: 'lower', bar: 0 } as const
    report({ case: 'faults: scored twice', value: scoredTwice, ...twice })
  },
}
