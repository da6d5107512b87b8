import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CRITERIA,
  DEFAULT_WEIGHTS,
  type Estimates,
  explainChoice,
  parseWeights,
  weigh,
} from '../../../node/agents/king/weigh.ts'

const test = suite('Weighing who does a step')
const HERE: Estimates = {
  latencyMs: 500,
  cpuSeconds: 0.2,
  leavesNode: false,
  usesOthers: false,
  quality: 0.5,
}
const THERE: Estimates = {
  latencyMs: 9_000,
  cpuSeconds: 10,
  leavesNode: true,
  usesOthers: true,
  quality: 0.8,
}
const ways = [
  { id: 'peer', estimates: THERE },
  { id: 'here', estimates: HERE },
]

test('by the default weights nothing leaves the node for a better answer alone', () => {
  assert.is(weigh(ways, DEFAULT_WEIGHTS)[0]?.id, 'here')
})

test('who wants quality above all else gets it', () => {
  const weights = parseWeights(['quality=100', 'privacy=0', 'latency=0', 'energy=0', 'cost=0'])
  const weighed = weigh(ways, weights)
  assert.is(weighed[0]?.id, 'peer')
  assert.match(explainChoice(weighed), /^peer \(0\.80\) before here \(0\.50\): better in quality\.$/)
})

test('what is not named has its default', () => {
  assert.equal(parseWeights(['privacy=7']), { ...DEFAULT_WEIGHTS, privacy: 7 })
})

const ESTIMATES = fc.record({
  latencyMs: fc.nat(1_000_000),
  cpuSeconds: fc.nat(10_000),
  leavesNode: fc.boolean(),
  usesOthers: fc.boolean(),
  quality: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('the order of the ways changes nothing, and being worse in everything never wins', () => {
  fc.assert(
    fc.property(fc.array(ESTIMATES, { minLength: 1, maxLength: 6 }), (all) => {
      const given = all.map((estimates, index) => ({ id: `way${index}`, estimates }))
      const [first] = weigh(given, DEFAULT_WEIGHTS)
      assert.is(weigh(given.toReversed(), DEFAULT_WEIGHTS)[0]?.id, first?.id)
      for (const other of weigh(given, DEFAULT_WEIGHTS))
        assert.not.ok(CRITERIA.every((name) => other.marks[name] > first!.marks[name]))
    }),
    { numRuns: 200 },
  )
})

test.run()
