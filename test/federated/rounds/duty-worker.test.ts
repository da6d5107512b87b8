/** What a member says of candidates that it cannot score, under a clock of the test. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import type { CommitStatement, Statement } from '../../../node/federated/ledger/statement.ts'
import { dutyOf } from '../../../node/federated/rounds/duties.ts'
import { createDutyWorker } from '../../../node/federated/rounds/duty-worker.ts'
import type { ScoreKeeper } from '../../../node/federated/rounds/score-keeper.ts'
import type { WorkloadContext } from '../../../node/federated/workloads/workload.ts'
import { createLog } from '../../../node/log.ts'
import { until } from '../../helpers/mesh.ts'
import { joinOf, paperRun, peersNamed, toySpec } from '../../helpers/paper-run.ts'
import { toyWorkload } from '../../helpers/toy-workload.ts'

const test = suite('duties of a member')

/** A member that owes the scores of all slots, `score` in place of scoring; gives what it has said once `isDone`. */
async function committed(
  score: (slot: number, signal: AbortSignal) => Promise<void>,
  isDone: (said: readonly CommitStatement[]) => boolean,
  commitMs = 1_000,
) {
  const [peer] = peersNamed(1) as [string]
  const run = paperRun(toySpec({ deadlines: { commitMs } }))
  run.block([joinOf(peer)])
  run.block([run.say(peer)!])
  const slots = run.state.slots
  const said: Statement[] = []
  const scores: ScoreKeeper = {
    find: async () => null,
    async score({ hash }, _split, signal) {
      await score(slots.find((slot) => slot.hash === hash)!.slot, signal)
      return { values: Buffer.alloc(24).toString('base64'), joules: 1, busyMs: 1 }
    },
    nonce: () => new Uint8Array(16),
    forget: async () => undefined,
  }
  const begunMs = Date.now()
  const worker = createDutyWorker(
    {
      workload: toyWorkload(),
      context: {} as WorkloadContext, // the toy looks at nothing
      scores,
      within: (_signal, work) => work(),
      say: (statement) => said.push(statement),
      log: createLog({ level: 'silent' }),
    },
    { run: run.rules.run, peer, spec: run.rules.spec, now: () => Date.now() - begunMs + run.timeMs },
  )
  const commits = () => said.filter((statement) => statement.kind === 'commit')
  worker.attend(dutyOf(run.state, peer), run.state.deadlineMs)
  await until('it has said so', () => isDone(commits()))
  await worker.stop()
  return commits().flatMap(({ entries }) => entries)
}

const all = (said: readonly CommitStatement[]) => said.flatMap(({ entries }) => entries).length === 6

test('a candidate that fails is said to be unscorable, the others are committed to', async () => {
  const entries = await committed(async (slot) => {
    if (slot === 2) throw new VillageError('INVALID_ARGUMENT', 'its weights are no numbers')
  }, all)
  for (const { slot, digest } of entries) assert.is(digest === null, slot === 2)
})

test('a candidate that takes longer than there is time for is given up before the deadline', async () => {
  const entries = await committed(
    (slot, signal) =>
      slot === 4
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        : Promise.resolve(),
    all,
  )
  for (const { slot, digest } of entries) assert.is(digest === null, slot === 4)
})

test.run()
