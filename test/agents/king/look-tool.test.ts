/** The tool that a question about the node is likest to, where no rule knows its words. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LOOK_EXAMPLES } from '../../../node/agents/king/look-examples.ts'
import { featuresIn, likeliestTool, trainLook } from '../../../node/agents/king/look-tool.ts'
import { isChange } from '../../../node/agents/king/changes.ts'
import { planGoal } from '../../../node/agents/king/plan-goal.ts'
import { KING_TOOLS } from '../../../scripts/bench/grade-plan.ts'

const examples = Object.entries(LOOK_EXAMPLES).flatMap(([tool, lines]) =>
  lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => [tool, featuresIn(line)] as const),
)

test('each example by all others: seldom wrong, more often silent', () => {
  const guesses = examples.map(([tool, features], at) => {
    const guess = likeliestTool(features, trainLook(examples.filter((_, other) => other !== at)))
    return guess === null ? 'none' : guess === tool ? 'right' : 'wrong'
  })
  const count = (kind: string) => guesses.filter((guess) => guess === kind).length
  assert.ok(count('right') >= examples.length * 0.55, `${count('right')} right`)
  assert.ok(count('wrong') <= examples.length * 0.05, `${count('wrong')} wrong`)
})

test('only tools that change nothing', () => {
  for (const tool of Object.keys(LOOK_EXAMPLES)) {
    assert.ok(KING_TOOLS.includes(tool))
    assert.not.ok(isChange(tool))
  }
})

test('questions about other things stay with the documents', () => {
  for (const question of [
    'why is my node slow?',
    'what is a round?',
    'how many members does the beekeepers club have?',
    'should I merge a-lm and b-lm?',
    'who signed the lease of the mill?',
  ])
    assert.equal(
      planGoal(question, KING_TOOLS).steps.map(({ tool }) => tool),
      ['knowledge_ask'],
      question,
    )
})

test.run()
