/** What a voter says against blocks that the rules of the run would take. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBlock } from '../../../node/federated/ledger/block.ts'
import type { SignedStatement, Statement } from '../../../node/federated/ledger/statement.ts'
import { signStatement } from '../../../node/federated/ledger/statement-codec.ts'
import { voterObjection } from '../../../node/federated/rounds/voter-objection.ts'
import { joinOf, type PaperRun, paperRun, peersNamed, RUN, toySpec } from '../../helpers/paper-run.ts'
import { signerOf } from '../../helpers/village.ts'

const test = suite('what a voter says against a block')
const peers = peersNamed(4)

const signed = (statement: Statement): SignedStatement =>
  signStatement(signerOf(`member ${peers.indexOf(statement.author)}`), RUN, statement)
const proposed = (peer: string) => signed({ kind: 'propose', author: peer, generation: 0, entries: [] })

function started(): PaperRun {
  const run = paperRun(toySpec({ minimum: 4 }))
  run.block(peers.map((peer) => joinOf(peer)))
  return run
}

function objection(
  { rules, state }: PaperRun,
  statements: readonly SignedStatement[],
  init: { timeMs?: number; nowMs?: number; overdue?: readonly SignedStatement[]; problem?: string },
): string | null {
  const block = createBlock({
    run: RUN,
    height: state.height + 1,
    parent: state.tip,
    timeMs: init.timeMs ?? state.timeMs,
    proposer: peers[0]!,
    view: 0,
    statements,
  })
  return voterObjection(rules, state, block, {
    nowMs: init.nowMs ?? state.timeMs,
    overdue: init.overdue ?? [],
    roleProblem: () => init.problem ?? null,
  })
}

test('a block that holds what was said, or could not hold it, is good', () => {
  const run = started()
  const [one, other] = [proposed(peers[1]!), proposed(peers[2]!)]
  assert.is(objection(run, [one], {}), null)
  assert.is(objection(run, [one, other], { overdue: [other, one] }), null)
  const late = signed({ kind: 'propose', author: peers[3]!, generation: 7, entries: [] })
  assert.is(objection(run, [one], { overdue: [late] }), null, 'the run would not take it')
  const contradicts = signed({ kind: 'leave', author: peers[1]!, sequence: 2 })
  assert.is(objection(run, [contradicts], { overdue: [one] }), null, 'not after what stands in the block')
})

test('a block that leaves out what a voter has held for long is refused, whether it closes a phase or not', () => {
  const run = started()
  const { deadlineMs } = run.state
  const [one, other] = [proposed(peers[1]!), proposed(peers[2]!)]
  assert.match(objection(run, [one], { overdue: [other] }) ?? '', 'leaves out')
  const timeMs = deadlineMs!
  assert.match(objection(run, [], { timeMs, nowMs: timeMs, overdue: [other] }) ?? '', 'leaves out')
  assert.is(objection(run, [], { timeMs, nowMs: timeMs }), null)
})

test('a deadline is not over because the coordinator says so', () => {
  const run = started()
  const timeMs = run.state.deadlineMs!
  assert.is(objection(run, [], { timeMs, nowMs: timeMs - 1_000 }), null)
  assert.match(objection(run, [], { timeMs, nowMs: timeMs - 1_001 }) ?? '', 'deadline')
  assert.is(objection(run, [], { timeMs: timeMs - 1, nowMs: timeMs - 9_000 }), null)
})

test('what voters may see differently is never demanded', () => {
  const run = started()
  const stranger = peersNamed(5)[4]!
  const join = signStatement(signerOf('member 4'), RUN, joinOf(stranger))
  assert.is(objection(run, [], { overdue: [join] }), null)
  const control = (author: string) => signed({ kind: 'control', author, sequence: 5, action: 'pause' })
  assert.is(objection(run, [], { overdue: [control(peers[1]!)] }), null)
  const fault = objection(run, [], { overdue: [control(peers[0]!)] })
  assert.match(fault ?? '', 'leaves out', 'the announcer is known to all')
  assert.is(objection(run, [control(peers[1]!)], { problem: 'no admin' }), 'no admin')
})

test('where not everything fits, what is left over comes before the deadline', () => {
  const run = started()
  const left = proposed(peers[1]!)
  const filler = { ...proposed(peers[2]!), bytes: new Uint8Array(2 ** 20 - 330) }
  const timeMs = run.state.deadlineMs!
  assert.is(objection(run, [filler], { overdue: [left] }), null)
  assert.match(objection(run, [filler], { timeMs, nowMs: timeMs, overdue: [left] }) ?? '', 'leaves out')
})

test.run()
