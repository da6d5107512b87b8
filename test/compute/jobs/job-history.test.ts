import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createJobHistory, keptNotes } from '../../../node/compute/jobs/job-history.ts'
import type { Effect, Lease } from '../../../node/compute/jobs/scheduler-state.ts'

const test = suite('job history')

const lease = (job: string, task: number, peer: string): Lease => ({
  ...{ id: task, job, task, peer, leasedAtMs: 0, expiresAtMs: 1, progress: 0, arriving: false },
})
const historyAt = () => {
  let nowMs = 0
  return createJobHistory({ now: () => ++nowMs, label: (_job, task) => `rows ${task}` })
}

test('what is out of the ordinary is noted, and nothing else', () => {
  const history = historyAt()
  const effects: Effect[] = [
    { type: 'lease', lease: lease('a', 0, 'p'), hedge: false },
    { type: 'lease', lease: lease('a', 0, 'q'), hedge: true },
    { type: 'revoke', lease: lease('a', 0, 'p'), code: 'LEASE_REVOKED' },
    { type: 'revoke', lease: lease('a', 1, 'p'), code: 'TIMEOUT' },
    { type: 'revoke', lease: lease('a', 1, 'p'), code: 'JOB_CANCELLED' },
    { type: 'lied', job: 'a', task: 2, peer: 'q', kind: 'embed' },
    { type: 'revoke', lease: lease('a', 3, 'q'), code: 'PEER_QUARANTINED' },
    { type: 'reopened', job: 'a', tasks: [4, 5] },
    { type: 'finished', job: 'a' },
  ]
  history.follow(effects)
  assert.equal(
    history.of('a').notes.map(({ atMs, what, task, label, peer }) => [atMs, what, task, label, peer]),
    [
      [1, 'hedged', 0, 'rows 0', 'q'],
      [2, 'outrun', 0, 'rows 0', 'p'],
      [3, 'late', 1, 'rows 1', 'p'],
      [4, 'lied', 2, 'rows 2', 'q'],
      [5, 'quarantined', 3, 'rows 3', 'q'],
      [6, 'reopened', 4, 'rows 4', null],
      [7, 'reopened', 5, 'rows 5', null],
    ],
  )
  assert.equal(history.of('b'), { notes: [], forgotten: 0 })
})

test('a code is only ever one of the table, whatever a peer says', () => {
  const history = historyAt()
  history.failed(lease('a', 0, 'p'), { code: 'TASK_FAILED', declined: true })
  history.failed(lease('a', 0, 'p'), { code: 'ARTIFACT_MISSING', declined: false })
  history.failed(lease('a', 0, 'p'), { code: '<script>alert(1)</script>', declined: false })
  assert.equal(
    history.of('a').notes.map(({ what, code }) => [what, code]),
    [
      ['declined', 'TASK_FAILED'],
      ['failed', 'ARTIFACT_MISSING'],
      ['failed', 'TASK_FAILED'],
    ],
  )
})

test('a peer that gives the same task back again and again is noted once', () => {
  const history = historyAt()
  for (let time = 0; time < 5; time++)
    for (const peer of ['p', 'q'])
      history.failed(lease('a', 0, peer), { code: 'RESOURCES_BUSY', declined: true })
  assert.equal(
    history.of('a').notes.map(({ peer }) => peer),
    ['p', 'q'],
  )
})

test('a hostile peer cannot fill the memory: the newest notes of the latest jobs are kept', () => {
  const history = historyAt()
  for (let time = 0; time < 1_000; time++)
    history.failed(lease('a', time, 'p'), { code: 'TASK_FAILED', declined: false })
  const { notes, forgotten } = history.of('a')
  assert.is(notes.length + forgotten, 1_000)
  assert.is(notes.length, 200)
  assert.is(notes.at(-1)!.task, 999)
  for (let job = 0; job < 100; job++)
    history.failed(lease(`job ${job}`, 0, 'p'), { code: 'TASK_FAILED', declined: false })
  assert.is(history.of('a').notes.length, 0)
  assert.is(history.of('job 99').notes.length, 1)
})

test('what was stored comes back as it was, and a damaged record is none', async () => {
  const history = historyAt()
  history.failed(lease('a', 0, 'p'), { code: 'TASK_FAILED', declined: false })
  history.follow([{ type: 'reopened', job: 'a', tasks: [4] }])
  const good = history.of('a')
  const kept = (stored: unknown) => keptNotes({ history, queue: { notes: async () => stored } }, 'gone')
  assert.equal(await kept(JSON.parse(JSON.stringify(good))), good)
  const [note] = good.notes
  const damaged = [
    ...['not notes', null, undefined, 7, [], {}, { notes: 'many', forgotten: 0 }],
    ...[
      { notes: [], forgotten: '<b>' },
      { notes: [null], forgotten: 0 },
      { ...good, forgotten: undefined },
    ],
    ...['atMs', 'what', 'task', 'label', 'peer', 'code'].map((field) => ({
      ...good,
      notes: [note, { ...note, [field]: ['<script>'] }],
    })),
  ]
  for (const stored of damaged)
    assert.equal(await kept(stored), { notes: [], forgotten: 0 }, JSON.stringify(stored))
})

test.run()
