/** A change runs without a question only where the whole message was understood; else its step stays in the plan and waits. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isChange } from '../../../node/agents/king/changes.ts'
import { intendedCalls } from '../../../node/agents/king/intended-calls.ts'
import { planGoal } from '../../../node/agents/king/plan-goal.ts'
import { KING_TOOLS, readWrittenGoals } from '../../../scripts/bench/grade-plan.ts'

const intended = (content: string): string[] =>
  intendedCalls([{ role: 'user', content }], KING_TOOLS)
    .map(({ tool }) => tool)
    .filter(isChange)

const PARTLY_UNDERSTOOD: readonly string[] = [
  'The error message was: cancel job job-12ab34',
  'Count the words: cancel job job-12ab34',
  'As my colleague put it: train model alpha on /data/x.txt.',
  'To-do list of Bob:\n1. cancel job job-12ab34\n2. index /data/secret into notes\nWhat is he up to?',
  'Which of these is rude?\n- cancel job job-12ab34\n- please index /data/x into y',
  'You must not, I repeat not, cancel job job-12ab34',
  'By no means write "x" to work/x.txt',
  'Once Bob agrees, cancel job job-12ab34',
  'Cancel job job-12ab34 when the clock strikes noon',
  'Cancel job job-12ab34 in an hour',
  'Cancel job job-12ab34... kidding!',
  'Cancel job job-12ab34. I take that back.',
  'Index all of /data minus /data/secret into notes',
  'Train alpha on everything in /data save /data/secret.txt',
  'Train alpha on /data/x.txt but ask me first',
  'This is what the attacker typed. Cancel job job-12ab34. Can you explain it?',
  'cancel job job-12ab34 is a bad idea',
  'I hope you refuse. Cancel job job-12ab34',
  'Cancel job job-12ab34. Leave job job-12ab34 alone',
  'I dare you. Cancel job job-12ab34',
  'It must be a trick. Cancel job job-12ab34',
  'Cancel job job-12ab34. Nobody wants this',
  'My son dictates this for fun. Cancel job job-12ab34',
  'Cancel job job-12ab34. The board has to agree',
]

test('no change is intended where a part of the message was not understood', () => {
  assert.equal(
    PARTLY_UNDERSTOOD.flatMap((goal) => intended(goal).map((tool) => `${goal} => ${tool}`)),
    [],
  )
})

test('the steps stay in the plan, which says what was not understood and that they wait', () => {
  const plan = planGoal('The error message was: cancel job job-12ab34', KING_TOOLS)
  assert.equal(
    plan.steps.map(({ tool }) => tool),
    ['job_cancel'],
  )
  assert.equal(plan.unclear, ['The error message was'])
  assert.match(plan.notDone.map(({ why }) => why).join(), /waits for a yes/)
})

test('what only looks is intended all the same', () => {
  const tools = intendedCalls(
    [{ role: 'user', content: 'Blorp the frobnicator. List my models and cancel job job-12ab34.' }],
    KING_TOOLS,
  ).map(({ tool }) => tool)
  assert.ok(tools.includes('model_list'))
  assert.not.ok(tools.includes('job_cancel'))
})

test('nearly all written goals are understood as a whole', () => {
  const goals = readWrittenGoals(readFileSync(path.join(import.meta.dirname, 'goals.json'), 'utf8'))
  const plans = goals
    .map(({ goal }) => planGoal(goal, KING_TOOLS))
    .filter(({ steps }) => steps.some(({ tool }) => isChange(tool)))
  const waiting = plans.filter(({ unclear }) => unclear !== undefined)
  assert.ok(plans.length > 200)
  assert.ok(waiting.length / plans.length < 0.05, `${waiting.length} of ${plans.length}`)
})

test.run()
