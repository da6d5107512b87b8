/**
 * Members of one run in one process, over a network that is a queue: the real state machine, consensus and duties; no nodes, no disk. A
 * member may be deaf to what others say, and have a clock that runs ahead.
 */
import { STRATEGIES } from '../../node/federated/evolve/table.ts'
import { type Announcement, signAnnouncement } from '../../node/federated/ledger/announcement.ts'
import type { CertifiedBlock } from '../../node/federated/ledger/block.ts'
import { startOfLedger } from '../../node/federated/ledger/verify.ts'
import type { HeightRecord } from '../../node/federated/rounds/consensus/record.ts'
import { createDutyWorker } from '../../node/federated/rounds/duty-worker.ts'
import { createLiveRun, type LiveRun } from '../../node/federated/rounds/live-run.ts'
import { openRun } from '../../node/federated/rounds/run-opening.ts'
import type { RunSpec } from '../../node/federated/rounds/run-spec.ts'
import type { RunState } from '../../node/federated/rounds/run-state.ts'
import type { ScoreKeeper } from '../../node/federated/rounds/score-keeper.ts'
import { packScores, quantise } from '../../node/federated/scoring/quantise.ts'
import type { Workload, WorkloadContext } from '../../node/federated/workloads/workload.ts'
import { peerOf } from '../../node/mesh/membership/keys.ts'
import { TEST_LOG } from './mesh.ts'
import { joinOf } from './paper-run.ts'
import { TEST_TIMING } from './round-nodes.ts'
import { toyScores, toyWorkload } from './toy-workload.ts'
import { signerOf } from './village.ts'

export interface LiveMember {
  readonly name: string
  /** Hears no statements once the run has begun: the blocks that it makes hold only what it says itself. */
  readonly isDeaf?: boolean
  readonly clockAheadMs?: number
  /** In place of its disk. */
  readonly keepRecord?: (record: HeightRecord) => Promise<void>
  /** Sees what it sends to other voters. */
  readonly watch?: (message: Uint8Array) => void
}

const NONCE = Buffer.alloc(16, 7)

const memoryScores = (items: number): ScoreKeeper => ({
  find: async () => null,
  score: async ({ genome }, split) => {
    const values = packScores(quantise(toyScores(genome, split, items), 8), 8)
    return { values: Buffer.from(values).toString('base64'), joules: 1, busyMs: 1 }
  },
  nonce: () => NONCE,
  forget: async () => undefined,
})

/** Keeps what it has scored: reveals need it. */
function remembering(scores: ScoreKeeper): ScoreKeeper {
  const known = new Map<string, Awaited<ReturnType<ScoreKeeper['score']>>>()
  return {
    ...scores,
    find: async (hash, split) => known.get(`${split} ${hash}`) ?? null,
    async score(candidate, split, signal) {
      const kept = await scores.score(candidate, split, signal)
      known.set(`${split} ${candidate.hash}`, kept)
      return kept
    },
  }
}

/** The same every time, so that it is known beforehand who coordinates. */
export const announceAs = (name: string, spec: RunSpec): Announcement =>
  signAnnouncement(signerOf(name), { village: 'paper', timeMs: 1_000_000, spec })

/** All of them join. `stop` ends them. */
export function startLiveRuns(announcement: Announcement, members: readonly LiveMember[]) {
  const toy = toyWorkload()
  const workload: Workload = {
    ...toy,
    build: async () => ({ cid: `b${'a'.repeat(20)}`, register: async () => 'toy' }),
  }
  const { run, spec } = announcement
  const runs = new Map<string, LiveRun>()
  const proposers = new Map<number, string>()
  const states: RunState[] = []

  function startOne(member: LiveMember): void {
    const { name, isDeaf = false, clockAheadMs = 0, keepRecord = async () => undefined } = member
    const signer = signerOf(name)
    const self = peerOf(signer.publicKey)
    const { rules, machine } = openRun({ workloads: { toy: workload }, strategies: STRATEGIES }, announcement)
    const chain: CertifiedBlock[] = []
    const now = () => Date.now() + clockAheadMs
    const deliver = (peer: string, hear: (live: LiveRun) => unknown) =>
      setImmediate(() => {
        const other = runs.get(peer)
        if (other !== undefined) void hear(other)
      })
    const give = (peer: string, blocks: readonly CertifiedBlock[]) =>
      deliver(peer, (other) => other.take(blocks).catch(() => undefined)) // it may lack those below
    const live = createLiveRun(
      {
        signer,
        roleOf: () => 'member',
        log: TEST_LOG,
        worker: (say) =>
          createDutyWorker(
            {
              workload,
              context: {} as WorkloadContext, // the toy looks at nothing
              scores: remembering(memoryScores(Number(spec.workload.options.items))),
              within: (_signal, work) => work(),
              say,
              log: TEST_LOG,
            },
            { run, peer: self, spec: rules.spec, now },
          ),
        outlet: {
          sendMessage(peer, bytes) {
            member.watch?.(bytes)
            deliver(peer, (other) => other.hearMessage(self, bytes))
          },
          sendStatement: (peer, bytes) => deliver(peer, (other) => other.hearStatement(self, bytes)),
          sendTip: (peer) => give(peer, chain),
          fetchFrom: () => undefined,
          keepRecord,
          async append(entry) {
            chain.push(entry)
            proposers.set(entry.block.height, entry.block.proposer)
            for (const peer of runs.keys()) if (peer !== self) give(peer, [entry])
          },
          changed: (_before, { state }) => void (states.length < state.height && states.push(state)),
          misbehaved: () => undefined,
        },
      },
      {
        announcement,
        rules,
        machine,
        tip: startOfLedger(machine, announcement),
        timing: TEST_TIMING,
        patience: { batchMs: 20, patienceMs: 200 },
        muteTo: 0,
        isShared: true,
        now,
      },
    )
    const hasBegun = () => live.state().phase !== 'announced'
    const deaf: LiveRun = {
      ...live,
      hearStatement: (from, bytes) => (hasBegun() ? undefined : live.hearStatement(from, bytes)),
    }
    runs.set(self, isDeaf ? deaf : live)
  }

  for (const member of members) startOne(member)
  for (const [peer, live] of runs) {
    void live.start(null)
    live.say(joinOf(peer))
  }
  return {
    run,
    runs,
    /** By height. */
    proposers,
    /** After each block. */
    states,
    stop: async () => void (await Promise.all([...runs.values()].map((live) => live.stop()))),
  }
}
