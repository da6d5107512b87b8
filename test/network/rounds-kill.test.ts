/**
 * SIGKILL of the coordinator of a run, with real processes: the others go on, it comes back and catches up, the run ends once, all ledgers
 * are equal, and nothing is scored twice. One phase here; all of them with VILLAGE_ROUND_KILLS=all.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockView } from '../../node/federated/rounds/block-view.ts'
import type { Phase } from '../../node/federated/rounds/run-state.ts'
import { stopMeshNodes, temporaryDirectory } from '../helpers/mesh.ts'
import { toySpec } from '../helpers/paper-run.ts'
import {
  killRemoteRoundNodes,
  type RemoteRoundNode,
  startRemoteRoundVillage,
} from '../helpers/remote-round-node.ts'

const test = suite('killed coordinators')
const PHASES: readonly Phase[] = ['proposing', 'commit', 'reveal', 'merging']
const KILLED = process.env.VILLAGE_ROUND_KILLS === 'all' ? PHASES : (['commit'] as const)
const GIVE_UP_MS = 60_000
/** Candidates that a node scores at once (round-nodes.ts). */
const AT_ONCE = 2

test.after.each(async () => {
  killRemoteRoundNodes()
  await stopMeshNodes()
})

async function poll<T>(what: string, read: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + GIVE_UP_MS
  for (;;) {
    const found = await read()
    if (found !== null) return found
    if (Date.now() > deadline) throw new Error(`waited ${GIVE_UP_MS} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

const isOver = (phase: string) => phase === 'published' || phase === 'ended'

async function killDuring(phase: Phase): Promise<void> {
  const directories = await Promise.all([0, 1, 2].map(() => temporaryDirectory()))
  const nodes = await startRemoteRoundVillage(directories)
  const spec = toySpec({
    minimum: 3,
    population: 6,
    limits: { generations: 2 },
    deadlines: { proposeMs: 1_200, commitMs: 1_200, revealMs: 1_200, buildMs: 2_000 },
  })
  const { run } = await nodes[0]!.ask<{ run: string }>({ call: 'announce', spec })
  const byPeer = new Map(nodes.map((node) => [node.peer, node]))
  const seen = await poll(`the phase ${phase}`, async () => {
    const view = await nodes[1]!.view(run)
    if (view !== null && isOver(view.phase)) throw new Error('the run was over before the kill')
    return view?.phase === phase && (phase === 'merging' || view.generation === 1) ? view : null
  })
  const killed: RemoteRoundNode = byPeer.get(seen.coordinator!)!
  await killed.kill()
  const others = nodes.filter((node) => node !== killed)
  await poll('the others go on', async () => {
    const view = await others[0]!.view(run)
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
  assert.is(views[0]!.phase, 'published', JSON.stringify(views[0]))
  assert.is(new Set(views.map(({ tip, height }) => `${height} ${tip}`)).size, 1, 'all ledgers end alike')
  const ledgers = await Promise.all(nodes.map((node) => node.ask<BlockView[]>({ call: 'blocks', run })))
  const hashes = ledgers.map((blocks) => JSON.stringify(blocks.map(({ hash }) => hash)))
  assert.is(new Set(hashes).size, 1, 'all ledgers are equal, block by block')
  for (const node of nodes) {
    const verdict = await node.ask<{ ok: boolean }>({ call: 'verify', run })
    assert.ok(verdict.ok, JSON.stringify(verdict))
    const again = [...(await node.scorings())].filter(([, times]) => times > 1)
    // What was being scored when it was killed is lost with the process; everything else is on its disk.
    assert.ok(again.length <= (node === killed ? AT_ONCE : 0), JSON.stringify(again))
  }
  assert.equal(views[0]!.lies, [])
}

for (const phase of KILLED)
  test(`SIGKILL of the coordinator in the phase ${phase}: the run ends once, nothing is scored twice`, () =>
    killDuring(phase))

test.run()
