/** What a member can do to an owner or a worker without lying about a lease: flood, collude, and hope for a crash. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createChecker } from '../../../node/compute/jobs/checks.ts'
import { createFrameSender } from '../../../node/compute/jobs/frame-sender.ts'
import { createInbox } from '../../../node/compute/jobs/inbox.ts'
import type { Candidate } from '../../../node/compute/jobs/job-tasks.ts'
import type { ResultRecord } from '../../../node/compute/jobs/queue.ts'
import { voidResults } from '../../../node/compute/jobs/resumed-results.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { TaskKind, TaskOutput } from '../../../node/compute/tasks/task.ts'
import type { FramedStream } from '../../../node/mesh/framed-stream.ts'
import { JobsAnnounce } from '../../../node/mesh/protocols/jobs.ts'
import { TEST_LOG } from '../../helpers/mesh.ts'
import { toyBytes, toyTask } from '../../helpers/toy-kinds.ts'

const Attacks = suite('attacks on jobs')
const signal = new AbortController().signal
const unused = () => Promise.reject(new Error('not used here'))
const artifacts = { fetch: unused, materialize: unused, read: unused, has: unused }
const params = { index: 3, sizeBytes: 32 }
const outputOf = (bytes: Uint8Array): TaskOutput => ({
  bytes,
  stats: { sum: bytes.reduce((sum, byte) => sum + byte, 0) },
})

function outcomeOn(
  kind: TaskKind,
  output: TaskOutput,
  checks: readonly Candidate['check'][],
  isGuest: (peer: string) => boolean = () => false,
) {
  const checker = createChecker(
    { artifacts, pool: { run: unused }, log: TEST_LOG, trust: { isGuest } },
    {
      modelsDirectory: '',
      signal,
      ownPeer: 'own',
      random: () => 0.5,
      known: createKnownAnswers({ random: () => 0.5 }),
    },
  )
  const candidates = checks.map((check, lease) => ({ lease, peer: `peer ${lease}`, check }))
  return checker.check({ kind, params, depth: 'compare', candidates, output: async () => output })
}

async function verdictsOn(output: TaskOutput, checks: readonly Candidate['check'][]): Promise<string[]> {
  const { verdicts } = await outcomeOn(toyTask({ check: 'replicate' }), output, checks)
  return verdicts.map(({ verdict }) => verdict)
}

Attacks('strangers that agree on a wrong result are not believed', async () => {
  const wrong = outputOf(toyBytes(99, 32))
  assert.equal(await verdictsOn(wrong, ['replicate', 'replicate']), ['invalid', 'invalid'])
  const right = outputOf(toyBytes(3, 32))
  assert.equal(await verdictsOn(right, ['replicate', 'replicate']), ['valid', 'valid'])
  assert.equal(await verdictsOn(wrong, ['none', 'replicate']), ['valid', 'valid'], 'a trusted one vouches')
})

Attacks(
  'guests that agree are checked whole, however small the lie; one member among them is enough',
  async () => {
    const depths: string[] = []
    const kind: TaskKind = {
      ...toyTask({ check: 'replicate' }),
      async verify(_params, _output, _context, depth) {
        depths.push(depth)
        return { exact: depth === 'full' }
      },
    }
    const exact = await outcomeOn(kind, outputOf(toyBytes(3, 32)), ['replicate', 'replicate'], () => true)
    assert.equal(depths, ['full', 'full'])
    assert.ok(exact.exact)
    depths.length = 0
    const mixed = (peer: string) => peer === 'peer 0'
    await outcomeOn(kind, outputOf(toyBytes(3, 32)), ['replicate', 'replicate'], mixed)
    assert.equal(depths, ['spot'])
  },
)

Attacks('what a liar alone vouched for does not survive a crash right after its quarantine', () => {
  const result = (vouchers: string[], exact = false): ResultRecord => ({
    inline: '',
    cid: null,
    sizeBytes: 0,
    stats: {},
    vouchers,
    exact,
    busyMs: 0,
  })
  const task = (...after: number[]) => ({ kind: 'toy', params: {}, after, label: '' })
  const plan = [task(), task(), task(), task(0), task(2), task(3)]
  const results = new Map([
    [0, result(['liar'])],
    [1, result(['liar', 'honest'])],
    [2, result(['liar'], true)],
    [3, result(['honest'])],
    [4, result(['honest'])],
  ])
  assert.equal(
    voidResults({ plan, results }, (peer) => peer === 'liar'),
    [0, 3],
  )
  assert.equal(
    voidResults({ plan, results }, () => false),
    [],
  )
})

Attacks('a peer that makes this node answer and never reads loses its stream', async () => {
  let aborted = 0
  let sends = 0
  const stream = {
    peer: 'deaf',
    send() {
      sends += 1
      return new Promise<void>(() => undefined)
    },
    abort() {
      aborted += 1
    },
  } as Partial<FramedStream> as FramedStream
  const send = createFrameSender({ log: TEST_LOG }, { stream, message: JobsAnnounce })
  for (let index = 0; index < 5_000; index++) void send({ openTasks: 1, timeMs: 1 })
  assert.is(sends, 4_096)
  assert.is(aborted, 5_000 - 4_096)
})

Attacks('large outputs of one peer are fetched a few at a time, all of them in the end', async () => {
  let running = 0
  let most = 0
  const finish: (() => void)[] = []
  const inbox = createInbox({
    artifacts: {
      read: unused,
      async fetch(cid) {
        running += 1
        most = Math.max(most, running)
        await new Promise<void>((resolve) => finish.push(resolve))
        running -= 1
        return { cid, sizeBytes: 9, name: null, kind: 'file', pins: [], addedAtMs: 0, complete: true }
      },
    },
  })
  const receive = (lease: number, peer: string) =>
    inbox.receive(
      lease,
      { peer, stats: {}, ref: { cid: 'c', sizeBytes: 9 }, busyMs: 0 },
      { job: 'j', maxOutputBytes: 100, inspect: null, signal },
    )
  const all = Array.from({ length: 10 }, (_, lease) => receive(lease, 'greedy'))
  all.push(receive(10, 'other'))
  let left = all.length
  for (const one of all)
    void one.then(() => {
      left -= 1
    })
  while (left > 0) {
    finish.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(await Promise.all(all), Array(11).fill(null))
  assert.is(most, 5, 'four of the one and one of the other')
})

Attacks.run()
