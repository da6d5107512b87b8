import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  afterDoubt,
  afterFailure,
  afterGoodAnswer,
  afterRefusal,
  GOOD_STANDING,
  isTrusted,
  mayBeAsked,
  slownessOf,
} from '../../../../node/agents/rag/routing/peer-standing.ts'

const test = suite('standing of peers')
const MINUTE = 60_000

test('each failure doubles the pause, up to a day', () => {
  let standing = GOOD_STANDING
  assert.ok(mayBeAsked(standing, 0))
  for (const minutes of [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440]) {
    standing = afterFailure(standing, 1_000)
    assert.not.ok(mayBeAsked(standing, 1_000 + minutes * MINUTE - 1))
    assert.ok(mayBeAsked(standing, 1_000 + minutes * MINUTE))
  }
})

test('a hundred good answers make up for one failure, and a failure starts the count again', () => {
  let standing = afterFailure(afterFailure(GOOD_STANDING, 0), 0)
  for (let answer = 0; answer < 99; answer++) standing = afterGoodAnswer(standing)
  assert.is(standing.failures, 2)
  assert.is(afterGoodAnswer(standing).failures, 1)
  standing = afterFailure(standing, 0)
  for (let answer = 0; answer < 300; answer++) standing = afterGoodAnswer(standing)
  assert.is(standing.failures, 0)
  assert.is(afterGoodAnswer(standing), standing)
})

test('a peer that refuses is asked ever later, and soon as before when it answers', () => {
  let standing = GOOD_STANDING
  for (let refusal = 0; refusal < 50; refusal++) {
    const before = slownessOf(standing)
    standing = afterRefusal(standing)
    assert.ok(slownessOf(standing) > before || refusal >= 10)
    assert.ok(mayBeAsked(standing, 0) && isTrusted(standing), 'it may be overloaded: nobody is accused')
  }
  for (let answer = 0; answer < 4; answer++) standing = afterGoodAnswer(standing)
  assert.equal(standing, GOOD_STANDING)
})

test('doubts add up to a failure, unless good answers lie between them', () => {
  let standing = GOOD_STANDING
  for (let round = 0; round < 20; round++) {
    standing = afterDoubt(standing, 1, 0)
    standing = afterGoodAnswer(afterGoodAnswer(standing))
    assert.equal(standing, GOOD_STANDING)
  }
  for (let doubt = 0; doubt < 3; doubt++) standing = afterDoubt(standing, 1, 0)
  assert.ok(isTrusted(standing))
  assert.not.ok(isTrusted(afterDoubt(standing, 1, 0)))
  const proven = afterDoubt(afterDoubt(GOOD_STANDING, 2, 0), 2, 0)
  assert.is(proven.failures, 1)
  assert.not.ok(mayBeAsked(proven, 60_000))
})

test.run()
