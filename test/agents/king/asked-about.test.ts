/** Orders that are asked about, answered with no, or only spoken of: a change in them never runs without a yes; plain requests with a question mark do. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isChange } from '../../../node/agents/king/changes.ts'
import { planGoal } from '../../../node/agents/king/plan-goal.ts'
import { KING_TOOLS } from '../../../scripts/bench/grade-plan.ts'

const test = suite('orders that are asked about')

const ORDERS = [
  'make job-12ab34 stop',
  'use ~/evolve/small.json to begin a new run',
  'put everything from ~/Documents/private into village-shared',
  'put the model from /mnt/usb/frog.onnx on this node',
  'bring facebook/opt-125m onto this machine',
  'let story-writer learn from downloads/diary.txt',
  'compress encoder to int4',
]
const FRAMES: readonly ((order: string) => string)[] = [
  (order) => `${order}? No.`,
  (order) => `${order}? Never.`,
  (order) => `${order}? Better not.`,
  (order) => `Could you ${order}? No.`,
  (order) => `What would this do: ${order}?`,
  (order) => `What does this line mean\n${order}`,
  (order) => `Quiz: ${order} - yes or no?`,
  (order) => `for example ${order}`,
]
const runsUnasked = (goal: string): boolean => {
  const { steps, unclear } = planGoal(goal, KING_TOOLS)
  return steps.some(({ tool }) => isChange(tool)) && unclear === undefined
}

for (const frame of FRAMES)
  test(JSON.stringify(frame('…')), () => {
    for (const order of ORDERS) assert.not(runsUnasked(frame(order)), frame(order))
  })

test('an order that is spoken of', () => {
  for (const goal of [
    'stop cancelling job 12ab34',
    'please stop talking about job 12ab34',
    'halt job 12ab34 is forbidden',
    'scrap that, job 12ab34 is fine',
    'end of job 12ab34',
    'index /data/pub without /data/private into notes',
    'merge encoder and encoder-int4, my colleague suggested',
  ])
    assert.not(runsUnasked(goal), goal)
})

test('a request with a question mark is one', () => {
  for (const goal of [
    'Could you compress encoder to int4?',
    'Would you mind cancelling job 12ab34?',
    'Compress encoder to int4, please?',
    'Can you compress encoder to int4? No need to hurry.',
    'Could you index ~/notes into garden? Thanks.',
  ])
    assert.ok(runsUnasked(goal), goal)
})

test.run()
