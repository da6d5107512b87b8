import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SignedStatement } from '../../../node/federated/ledger/statement.ts'
import { signStatement } from '../../../node/federated/ledger/statement-codec.ts'
import { createStatementPool } from '../../../node/federated/rounds/statement-pool.ts'
import { joinOf, RUN } from '../../helpers/paper-run.ts'
import { peerNamed, signerOf } from '../../helpers/village.ts'

const test = suite('statements that wait for a block')
const joinBy = (name: string, sequence: number) =>
  signStatement(signerOf(name), RUN, joinOf(peerNamed(name), sequence))
/** The pool looks at no signature. */
const unsigned = (author: string, sequence: number): SignedStatement => ({
  statement: joinOf(author, sequence),
  bytes: new Uint8Array(100),
  digest: `${author} ${sequence}`,
})
const make = () => createStatementPool({ batchMs: 100, patienceMs: 1_000 })

test('an own statement goes to the coordinator first, then to everybody, less and less often', () => {
  const pool = make()
  const signed = joinBy('a', 1)
  assert.ok(pool.add(signed, { isOwn: true, nowMs: 0 }))
  const said: [number, boolean][] = []
  for (let nowMs = 0; nowMs <= 130_000; nowMs += 100)
    for (const { toAll } of pool.due(nowMs)) said.push([nowMs, toAll])
  assert.equal(said.slice(0, 5), [
    [0, false],
    [1_000, true],
    [3_000, true],
    [7_000, true],
    [15_000, true],
  ])
  assert.equal(said.slice(5, 7), [
    [31_000, true],
    [61_000, true],
  ])
  pool.redirect()
  assert.is(pool.due(130_001).length, 1, 'another coordinator hears of it at once')
  pool.remove([signed.digest])
  assert.equal(pool.list(), [])
  assert.is(pool.nextMs(130_000), null)
})

test('statements of others are bounded by author, and never said again', () => {
  const pool = make()
  for (let sequence = 1; sequence <= 64; sequence++)
    assert.ok(pool.add(joinBy('b', sequence), { isOwn: false, nowMs: 0 }))
  assert.not(pool.add(joinBy('b', 65), { isOwn: false, nowMs: 0 }))
  assert.ok(pool.add(joinBy('c', 1), { isOwn: false, nowMs: 0 }))
  assert.not(pool.add(joinBy('c', 1), { isOwn: false, nowMs: 0 }), 'it is there')
  assert.equal(pool.due(1_000_000), [])
  pool.remove(pool.list().map(({ signed }) => signed.digest))
  assert.ok(pool.add(joinBy('b', 65), { isOwn: false, nowMs: 0 }))
})

test('who takes no part has room for a few, and a full pool still takes a few of everybody', () => {
  const pool = make()
  const added = (name: string, count: number, takesPart: boolean) =>
    Array.from({ length: count }, (_, index) =>
      pool.add(unsigned(name, index + 1), { isOwn: false, nowMs: 0, takesPart }),
    ).filter((isIn) => isIn).length
  assert.is(added('stranger', 10, false), 4)
  for (let author = 0; author < 64; author++) added(`member ${author}`, 64, true)
  assert.is(added('late one', 10, true), 4, 'nobody is crowded out')
})

test('it says when to look again: for company, and when patience ends', () => {
  const pool = make()
  pool.add(joinBy('a', 1), { isOwn: false, nowMs: 50 })
  assert.is(pool.nextMs(60), 150)
  assert.is(pool.nextMs(150), 1_050)
  assert.is(pool.nextMs(1_050), null)
})

test('what the run would take is passed on to each coordinator once, and is overdue when patience ends', () => {
  const pool = make()
  const [own, other, later] = [joinBy('a', 1), joinBy('b', 1), joinBy('c', 1)]
  pool.add(own, { isOwn: true, nowMs: 0 })
  for (const signed of [other, later]) pool.add(signed, { isOwn: false, nowMs: 0 })
  pool.mark([own, other], 100)
  assert.equal(pool.relayed(599), [])
  assert.equal(pool.relayed(600), [other])
  assert.equal(pool.relayed(700), [])
  // Blocks that come meanwhile do not begin the wait anew; that the run would take it only now does.
  pool.mark([own, other, later], 1_000)
  assert.equal(pool.overdue(1_100), [])
  assert.equal(pool.overdue(1_101), [own, other])
  pool.redirect()
  assert.equal(pool.relayed(1_200), [other])
  pool.mark([own], 1_300)
  pool.mark([own, other], 1_400)
  assert.equal(pool.overdue(2_000), [own])
})

test('with little time left everybody is told at once', () => {
  const pool = make()
  pool.add(joinBy('a', 1), { isOwn: true, nowMs: 0 })
  assert.equal(
    pool.due(0, true).map(({ toAll }) => toAll),
    [true],
  )
})

test.run()
