import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Asker } from '../../../node/agents/asker.ts'
import { type ApprovalQuestion, createApprovals } from '../../../node/agents/loop/approvals.ts'
import { VillageError } from '../../../node/errors.ts'
import { createEvents } from '../../../node/events.ts'
import { counterIds, OWNER, stillClock } from '../../helpers/agent-parts.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const approvals = suite('agents: approvals')

const KEY: Asker = { kind: 'key', id: 'k1', scope: 'operate' }
const OTHER: Asker = { ...KEY, id: 'k2' }
const question = (given: Partial<ApprovalQuestion> = {}): ApprovalQuestion => ({
  ...{ request: 'r1', call: 'c1', agent: 'king', asker: OWNER, tool: 'file_write', effect: 'change' },
  ...{ arguments: { path: 'secret-path' }, reason: 'it was not asked for' },
  ...given,
})

function made(maxWaiting?: number) {
  const clock = stillClock()
  const events = createEvents()
  const states: string[] = []
  events.subscribe((event) => {
    if (event.type === 'agent:approval') states.push(event.data.state)
    assert.not.match(JSON.stringify(event), 'secret-path')
  })
  const init = { approvalMs: 60_000, ...(maxWaiting !== undefined && { maxWaiting }) }
  return { clock, states, approvals: createApprovals({ events, clock, newId: counterIds() }, init) }
}
const never = () => new AbortController().signal

approvals('is asked once, decided once, and gone', async () => {
  for (const [decision, state] of [
    ['approve', 'approved'],
    ['deny', 'denied'],
  ] as const) {
    const { approvals: it, states, clock } = made()
    const seen: string[] = []
    const asking = it.ask(question(), never(), ({ id }) => seen.push(id))
    const [waiting] = it.list(OWNER)
    assert.equal(seen, [waiting!.id])
    assert.is(waiting!.reason, 'it was not asked for')
    assert.is(it.decide(waiting!.id, decision, OWNER).id, waiting!.id)
    throwsCode(() => it.decide(waiting!.id, 'approve', OWNER), 'APPROVAL_UNKNOWN')
    assert.equal(await asking, { state, by: 'owner' })
    assert.equal(it.list(OWNER), [])
    assert.equal(states, ['waiting', state])
    assert.is(clock.timers(), 0)
  }
})

approvals('late, wrong, another daemon’s: there is no such call', async () => {
  const { approvals: it, clock, states } = made()
  const asking = it.ask(question(), never(), () => {})
  const { id } = it.list(OWNER)[0]!
  clock.pass(60_000)
  assert.equal(await asking, { state: 'expired', by: null })
  throwsCode(() => it.decide(id, 'approve', OWNER), 'APPROVAL_UNKNOWN')
  throwsCode(() => it.decide('nothing', 'approve', OWNER), 'APPROVAL_UNKNOWN')
  throwsCode(() => made().approvals.decide(id, 'approve', OWNER), 'APPROVAL_UNKNOWN')
  assert.equal(states, ['waiting', 'expired'])
})

approvals('the owner decides all, a key its own, a member none', async () => {
  const { approvals: it } = made()
  const asking = it.ask(question({ asker: KEY }), never(), () => {})
  const { id } = it.list(KEY)[0]!
  assert.equal(it.list(OTHER), [])
  throwsCode(() => it.decide(id, 'approve', OTHER), 'APPROVAL_UNKNOWN')
  throwsCode(() => it.decide(id, 'approve', { ...KEY, kind: 'member' }), 'APPROVAL_UNKNOWN')
  it.decide(id, 'deny', KEY)
  assert.equal(await asking, { state: 'denied', by: 'k1' })
})

approvals('a request that ends takes its question with it', async () => {
  const { approvals: it, states } = made()
  const stop = new AbortController()
  const asking = it.ask(question(), stop.signal, () => {})
  stop.abort(new VillageError('ABORTED'))
  await rejectsCode(asking, 'ABORTED')
  assert.equal(it.list(OWNER), [])
  assert.equal(states, ['waiting', 'withdrawn'])
})

approvals('only so many wait', async () => {
  const { approvals: it } = made(1)
  const asking = it.ask(question(), never(), () => {})
  await rejectsCode(
    it.ask(question(), never(), () => {}),
    'APPROVALS_FULL',
  )
  it.decide(it.list(OWNER)[0]!.id, 'deny', OWNER)
  await asking
})

approvals.run()
