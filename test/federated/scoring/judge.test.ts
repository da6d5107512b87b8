import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decisiveSlots, differences, judge } from '../../../node/federated/scoring/judge.ts'
import type { CandidateEvidence, JudgeRules } from '../../../node/federated/scoring/judgement.ts'
import { afterGeneration, recordOf, trustedScorers } from '../../../node/federated/scoring/reputation.ts'

const test = suite('judging scores')

const ITEMS = 40
const vector = (...wrong: readonly number[]) =>
  Uint8Array.from({ length: ITEMS }, (_, item) => (wrong.includes(item) ? 0 : 1))
const rules = (part: Partial<JudgeRules> = {}): JudgeRules => ({
  faulty: 1,
  tolerance: 0.05,
  decisive: [],
  ...part,
})
const candidate = (
  vectors: readonly Uint8Array[],
  part: Partial<CandidateEvidence> = {},
): CandidateEvidence => ({
  slot: 0,
  proposer: 'p',
  reveals: vectors.map((values, index) => ({ scorer: `s${index}`, values })),
  silent: [],
  ...part,
})

test('scorers within the tolerance of one another are believed, the median item by item', () => {
  const judged = judge([candidate([vector(0), vector(1), vector()])], rules())
  assert.equal(judged.accepted.get(0), vector())
  assert.is(judged.wanted.size, 0)
  assert.is(judged.liars.size, 0)
  assert.equal(judged.valid.get(0), ['s0', 's1', 's2'])
})

test('one word against another names nobody: another scorer is asked, and then the odd one out is named', () => {
  const lie = vector(...Array.from({ length: 20 }, (_, item) => item))
  const open = judge([candidate([vector(), lie])], rules())
  assert.is(open.accepted.get(0), null)
  assert.is(open.wanted.get(0), 1)
  assert.is(open.liars.size, 0)
  const closed = judge([candidate([vector(), lie, vector(3)])], rules())
  assert.equal(closed.accepted.get(0), vector(3))
  assert.equal([...closed.liars], [['s1', { slots: [0], items: 20 }]])
  assert.is(closed.wanted.size, 0)
})

test('what a proven liar said elsewhere counts for nothing', () => {
  const lie = vector(...Array.from({ length: 20 }, (_, item) => item))
  const proof = candidate([vector(), lie, vector()])
  const other = candidate([], {
    slot: 1,
    reveals: [
      { scorer: 's1', values: lie },
      { scorer: 's3', values: lie },
    ],
  })
  const judged = judge([proof, other], rules())
  assert.is(judged.accepted.get(1), null)
  assert.is(judged.wanted.get(1), 1)
})

test('a slot with nobody left to ask has no score instead of a doubtful one', () => {
  const lone = judge([candidate([vector()], { silent: ['s5'], exhausted: true })], rules())
  assert.is(lone.accepted.get(0), null)
  assert.is(lone.wanted.size, 0)
})

test('steps of a share may differ by as much as the workload says', () => {
  const a = new Uint8Array(ITEMS).fill(100)
  const b = new Uint8Array(ITEMS).fill(103)
  assert.is(differences(a, b), ITEMS)
  assert.is(differences(a, b, 3), 0)
  assert.equal(judge([candidate([a, b])], rules({ closeness: 3 })).accepted.get(0), a)
})

test('in a large village few are believed, unless the choice would fall on the candidate or it is audited', () => {
  const large = (part: Partial<JudgeRules>, count: number) =>
    judge([candidate(new Array<Uint8Array>(count).fill(vector()))], rules({ faulty: 9, ...part }))
  assert.is(large({}, 4).wanted.size, 0)
  assert.is(large({}, 3).wanted.get(0), 1)
  assert.is(large({ trusted: new Set(['s0', 's1']) }, 2).wanted.size, 0)
  assert.is(large({ decisive: [0] }, 4).wanted.get(0), 6)
  const audited = Array.from({ length: 200 }, (_, index) => large({ seed: `${index}` }, 4).wanted.get(0))
  const share = audited.filter((count) => count === 2).length / audited.length
  assert.ok(share > 0.15 && share < 0.35, `${share}`)
})

test('whatever up to a third of the scorers reveal, no honest one is named and what is believed is near the truth', () => {
  const scores = fc.uint8Array({ minLength: ITEMS, maxLength: ITEMS, max: 1 })
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3 }),
      scores,
      fc.array(fc.oneof(scores, fc.uint8Array({ maxLength: 3 })), { minLength: 3, maxLength: 3 }),
      fc.nat(ITEMS - 1),
      fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
      (faulty, truth, lies, near, flips) => {
        const honest = flips.slice(0, 2 * faulty + 1).map((flip) => {
          const values = truth.slice()
          if (flip) values[near] = 1 - values[near]!
          return values
        })
        const reveals = [
          ...honest.map((values, index) => ({ scorer: `h${index}`, values })),
          ...lies.slice(0, faulty).map((values, index) => ({ scorer: `l${index}`, values })),
        ]
        const evidence = [candidate([], { reveals })]
        const judged = judge(evidence, rules({ faulty }))
        for (const scorer of judged.liars.keys()) assert.ok(scorer.startsWith('l'))
        const believed = judged.accepted.get(0)!
        assert.ok(believed !== null)
        assert.ok(differences(believed, truth) <= 2)
        const turned = judge([candidate([], { reveals: [...reveals].reverse() })], rules({ faulty }))
        assert.equal(turned.accepted.get(0), believed)
        assert.equal([...turned.liars.keys()].sort(), [...judged.liars.keys()].sort())
      },
    ),
  )
})

test('praise makes a candidate decisive, whoever says it', () => {
  const low = vector(...Array.from({ length: 30 }, (_, item) => item))
  const evidence = [candidate([low]), candidate([low, vector()], { slot: 1 }), candidate([], { slot: 2 })]
  assert.equal(decisiveSlots(evidence, 1), [1])
  assert.equal(decisiveSlots(evidence, 5), [1, 0])
})

test('ten valid results in a row earn trust; doubt, silence and lies take it', () => {
  const lie = vector(...Array.from({ length: 20 }, (_, item) => item))
  const honest = candidate([vector(), vector(), vector()], { silent: ['s9'] })
  let reputation = {}
  for (let round = 0; round < 10; round++)
    reputation = afterGeneration(reputation, [honest], judge([honest], rules()))
  assert.equal([...trustedScorers(reputation)].sort(), ['s0', 's1', 's2'])
  assert.is(recordOf(reputation, 's9').silent, 10)
  const caught = candidate([vector(), lie, vector()])
  reputation = afterGeneration(reputation, [caught], judge([caught], rules()))
  assert.equal([...trustedScorers(reputation)].sort(), ['s0', 's2'])
  assert.is(recordOf(reputation, 's1').lies, 1)
  assert.is(recordOf(reputation, 's0').total, 11)
})

test.run()
