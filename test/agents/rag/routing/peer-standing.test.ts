import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  afterFailure,
  afterGoodAnswer,
  GOOD_STANDING,
  mayBeAsked,
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

test.run()
