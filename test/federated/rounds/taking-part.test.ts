/** What a member does with the winner of a run that is over. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { evolveReport } from '../../../node/federated/evolve/report.ts'
import type { LiveRun } from '../../../node/federated/rounds/live-run.ts'
import { createTakingPart } from '../../../node/federated/rounds/taking-part.ts'
import { createWorkGate } from '../../../node/federated/rounds/work-gate.ts'
import type { Workload, WorkloadContext } from '../../../node/federated/workloads/workload.ts'
import { createLog } from '../../../node/log.ts'
import type { ArtifactInfo } from '../../../node/mesh/artifacts/artifacts.ts'
import { testResources } from '../../helpers/job-nodes.ts'
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
        gate: createWorkGate(testResources({ cores: 1, accepts: { others: true, own: true } }), {
          atOnce: 1,
        }),
        roleOf: () => 'member',
        log,
      },
      {
        self: peers[1]!,
        version: '1',
        wish: 'auto',
        isSettled: false,
        now: () => 0,
        maxInputBytes: 0,
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

const GIB = 2 ** 30

/** A run of another member that waits for members: what this node fetches for it, of inputs of these sizes, and whether it joins. */
async function considered(init: {
  sizes: readonly number[]
  maxInputBytes?: number
  wish?: 'auto' | 'in'
}): Promise<{ fetched: number; unpinned: number; joined: boolean; memoryBytes: number }> {
  const { sizes, maxInputBytes = 100 * GIB, wish = 'auto' } = init
  const peers = peersNamed(2)
  const run = paperRun(toySpec({ minimum: 2 }))
  const seen = { fetched: 0, unpinned: 0, joined: false }
  const workload = { ...toyWorkload(), inputs: () => sizes.map((_, index) => `input ${index}`) }
  await new Promise<void>((resolve) => {
    const takingPart = createTakingPart(
      {
        live: {
          run: run.state.run,
          rules: run.rules,
          announcement: { announcer: peers[0]! },
          state: () => run.state,
          isSaying: () => seen.joined,
          say: () => {
            seen.joined = true
            resolve()
          },
        } as unknown as LiveRun, // nothing else of it is looked at
        workload,
        context: {} as WorkloadContext,
        artifacts: {
          has: async () => true,
          async fetch(cid, { maxBytes = Number.POSITIVE_INFINITY }) {
            const sizeBytes = sizes[Number(cid.slice(6))]!
            if (sizeBytes > maxBytes) throw new VillageError('ARTIFACT_TOO_LARGE')
            seen.fetched += 1
            return { sizeBytes } as ArtifactInfo
          },
          async unpin() {
            seen.unpinned += 1
            if (seen.unpinned === sizes.length) setImmediate(resolve)
          },
        },
        // It lends 4 GiB.
        gate: createWorkGate(testResources({ cores: 1, accepts: { others: true, own: true } }), {
          atOnce: 1,
        }),
        roleOf: () => 'member',
        log: createLog({ level: 'silent' }),
      },
      {
        ...{ self: peers[1]!, version: '1', wish, isSettled: false, maxInputBytes },
        now: () => 0,
        isWanted: () => true,
        onWish: () => {},
        onPublished: () => {},
        onSettled: () => {},
      },
    )
    Object.defineProperty(seen, 'memoryBytes', { get: takingPart.memoryBytes, enumerable: true })
    takingPart.consider()
  })
  return { ...seen } as typeof seen & { memoryBytes: number }
}

test('a run whose inputs are within the limits is joined, and its candidates count as what they need', async () => {
  const { fetched, joined, memoryBytes } = await considered({ sizes: [GIB / 2, GIB / 2] })
  assert.equal([fetched, joined], [2, true])
  assert.ok(memoryBytes > 3 * GIB)
})

test('one that needs more than may be fetched for it, or than fits into memory, is not; nor is its beginning kept', async () => {
  const over = await considered({ sizes: [600, 600, 1], maxInputBytes: 1_000 })
  assert.equal([over.fetched, over.unpinned, over.joined], [1, 3, false])
  const tooLarge = await considered({ sizes: [30 * GIB] })
  assert.equal([tooLarge.fetched, tooLarge.joined], [0, false])
})

test('whoever was told to join does', async () => {
  const { fetched, joined } = await considered({ sizes: [30 * GIB], maxInputBytes: 0, wish: 'in' })
  assert.equal([fetched, joined], [1, true])
})

test.run()
