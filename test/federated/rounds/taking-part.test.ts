/** What a member does with the winner of a run that is over. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { evolveReport } from '../../../node/federated/evolve/report.ts'
import type { LiveRun } from '../../../node/federated/rounds/live-run.ts'
import { createTakingPart } from '../../../node/federated/rounds/taking-part.ts'
import { createWorkGate } from '../../../node/federated/rounds/work-gate.ts'
import type { Workload, WorkloadContext } from '../../../node/federated/workloads/workload.ts'
import { createLog } from '../../../node/log.ts'
import { joinOf, paperRun, peersNamed, toySpec } from '../../helpers/paper-run.ts'
import { toyWorkload } from '../../helpers/toy-workload.ts'

const test = suite('taking part')

/** Ids that were registered at the end of a run, of which the seeds were as good as the winner or not. */
async function registered(publish: object, isBetter: boolean): Promise<string[]> {
  const peers = peersNamed(2)
  const run = paperRun(
    toySpec({
      minimum: 2,
      population: 8,
      limits: { generations: 12 },
      workload: { kind: 'toy', options: { items: 60 } },
      publish,
    }),
  )
  run.block(peers.map((peer) => joinOf(peer)))
  run.play()
  assert.is(run.state.phase, 'published')
  const winner = run.state.final.find(({ kind }) => kind === 'winner')!
  const final = isBetter ? run.state.final : run.state.final.map((row) => ({ ...row, values: winner.values }))
  const state = { ...run.state, final }
  const ids: string[] = []
  const workload: Workload = {
    ...toyWorkload(),
    build: async (_options, _genome, _context, { id }) => ({
      cid: state.result!.cid!,
      register: async () => {
        ids.push(id)
        return id
      },
    }),
  }
  const log = createLog({ level: 'silent' })
  await new Promise<void>((resolve) => {
    const takingPart = createTakingPart(
      {
        // Of a run that is over only this is looked at.
        live: {
          run: state.run,
          rules: run.rules,
          announcement: { announcer: peers[0]! },
          state: () => state,
        } as unknown as LiveRun,
        workload,
        // The real report, on this thread.
        context: {
          pool: { run: async (_name: string, input: never) => evolveReport(input) },
        } as unknown as WorkloadContext,
        artifacts: {
          has: async () => false,
          fetch: async () => assert.unreachable() as never,
          unpin: async () => assert.unreachable(),
        },
        gate: createWorkGate({ accepts: () => true, onChange: () => () => {} }, { atOnce: 1 }),
        roleOf: () => 'member',
        log,
      },
      {
        self: peers[1]!,
        version: '1',
        wish: 'auto',
        isSettled: false,
        now: () => 0,
        isWanted: () => true,
        onWish: () => {},
        onPublished: () => {},
        onSettled: resolve,
      },
    )
    takingPart.consider()
  })
  return ids
}

test('a winner that beats every seed becomes a model', async () => {
  assert.equal(await registered({ id: 'better' }, true), ['better'])
})

test('one that cannot be told from them does not, unless the run says always', async () => {
  assert.equal(await registered({ id: 'better' }, false), [])
  assert.equal(await registered({ id: 'better', always: true }, false), ['better'])
})

test.run()
