/**
 * Word problems of one and two steps, with the worked lines and the `#### 68` of GSM8K's answers.
 * A step is `a + b`, `a - b` or `a * b`. Sums and differences are split by their operands (a + b and b + a are one):
 * a held-out problem has at least one worked line that occurs nowhere in training. The tables of single digits must be
 * learnt by heart, so that a product, or a sum or difference of two digits, is never what makes a problem held out.
 */
import {
  type Document,
  type Domain,
  type Draw,
  drawFor,
  drawForSplit,
  isHeldOut,
  type TaskItem,
} from './item.ts'
import { OBJECTS, PEOPLE } from './words.ts'

type Operator = '+' | '-' | '*'
interface Step {
  readonly left: number
  readonly operator: Operator
  readonly right: number
}
interface Problem {
  readonly group: string
  readonly question: string
  readonly steps: readonly Step[]
}

const LARGEST = 99

export function resultOf({ left, operator, right }: Step): number {
  return operator === '+' ? left + right : operator === '-' ? left - right : left * right
}

/** The content that the split looks at; null for what is learnt by heart, which belongs to training as a whole. */
export function contentOf({ left, operator, right }: Step): string | null {
  if (operator === '*' || (left < 10 && right < 10)) return null
  const [first, second] = operator === '+' && left > right ? [right, left] : [left, right]
  return `${first} ${operator} ${second}`
}

function stepIsHeldOut(step: Step): boolean {
  const content = contentOf(step)
  return content !== null && isHeldOut(content)
}

function line(step: Step): string {
  return `${step.left} ${step.operator} ${step.right} = ${resultOf(step)}`
}

const sum = (left: number, right: number): Step => ({ left, operator: '+', right })
const difference = (left: number, right: number): Step => ({ left, operator: '-', right })
const product = (left: number, right: number): Step => ({ left, operator: '*', right })

type Template = (draw: Draw) => Omit<Problem, 'group'>

/** Two different people and a thing, as most problems need them. */
function cast(draw: Draw) {
  const [one, two] = draw.shuffle(PEOPLE)
  return { one: one!, two: two!, things: draw.pick(OBJECTS) }
}

const SUMS: readonly Template[] = [
  (draw) => {
    const { one, two, things } = cast(draw)
    const [a, b] = [draw.integer(2, LARGEST), draw.integer(2, LARGEST)]
    const question = draw.pick([
      `${one} has ${a} ${things}. ${two} gives ${one} ${b} more. How many ${things} does ${one} have now?`,
      `${one} has ${a} ${things} and ${two} has ${b}. How many ${things} do they have together?`,
      `There are ${a} ${things} in one box and ${b} in another. How many ${things} are there in all?`,
      `${one} found ${a} ${things} on Monday and ${b} on Tuesday. How many ${things} did ${one} find?`,
    ])
    return { question, steps: [sum(a, b)] }
  },
]

const DIFFERENCES: readonly Template[] = [
  (draw) => {
    const { one, two, things } = cast(draw)
    const a = draw.integer(4, LARGEST)
    const b = draw.integer(2, a - 1)
    const question = draw.pick([
      `${one} has ${a} ${things}. ${one} gives ${b} to ${two}. How many ${things} are left?`,
      `There were ${a} ${things} in the box. ${one} took ${b}. How many ${things} are still there?`,
      `${one} has ${a} ${things} and ${two} has ${b}. How many more ${things} does ${one} have?`,
      `${one} had ${a} ${things} and sold ${b}. How many ${things} does ${one} have now?`,
    ])
    return { question, steps: [difference(a, b)] }
  },
]

const PRODUCTS: readonly Template[] = [
  (draw) => {
    const { one, things } = cast(draw)
    const [a, b] = [draw.integer(2, 9), draw.integer(2, 9)]
    const question = draw.pick([
      `${one} has ${a} bags with ${b} ${things} each. How many ${things} does ${one} have?`,
      `There are ${a} rows of ${b} ${things}. How many ${things} are there in all?`,
    ])
    return { question, steps: [product(a, b)] }
  },
]

const TWO_STEPS: readonly Template[] = [
  (draw) => {
    const { one, two, things } = cast(draw)
    const a = draw.integer(2, LARGEST - 2)
    const b = draw.integer(2, LARGEST - a)
    const c = draw.integer(2, a + b - 1)
    const question = `${one} has ${a} ${things}. ${two} gives ${one} ${b} more. Then ${one} sold ${c}. How many ${things} does ${one} have now?`
    return { question, steps: [sum(a, b), difference(a + b, c)] }
  },
  (draw) => {
    const { one, two, things } = cast(draw)
    const [a, b, c] = [draw.integer(2, 9), draw.integer(2, 9), draw.integer(2, LARGEST)]
    const question = `${one} has ${a} bags with ${b} ${things} each. ${two} gives ${one} ${c} more. How many ${things} does ${one} have now?`
    return { question, steps: [product(a, b), sum(a * b, c)] }
  },
  (draw) => {
    const { one, two, things } = cast(draw)
    const [a, b] = [draw.integer(2, 9), draw.integer(2, 9)]
    const c = draw.integer(2, a * b - 1)
    const question = `There were ${a} rows of ${b} ${things}. ${one} gives ${c} to ${two}. How many ${things} are left?`
    return { question, steps: [product(a, b), difference(a * b, c)] }
  },
]

const GROUPS: readonly { name: string; weight: number; templates: readonly Template[]; heldOut: boolean }[] =
  [
    { name: 'sum', weight: 3, templates: SUMS, heldOut: true },
    { name: 'difference', weight: 3, templates: DIFFERENCES, heldOut: true },
    { name: 'product', weight: 1, templates: PRODUCTS, heldOut: false },
    { name: 'two steps', weight: 3, templates: TWO_STEPS, heldOut: true },
  ]

function problem(draw: Draw, groups: typeof GROUPS): Problem {
  const bag = groups.flatMap((group) => Array.from({ length: group.weight }, () => group))
  const group = draw.pick(bag)
  return { group: group.name, ...draw.pick(group.templates)(draw) }
}

function item(seed: number, split: 'train' | 'held-out', index: number): TaskItem {
  const draw = drawFor(seed, `arithmetic ${split}`, index)
  const groups = split === 'train' ? GROUPS : GROUPS.filter((group) => group.heldOut)
  const { group, question, steps } = drawForSplit(
    split,
    () => problem(draw, groups),
    (candidate) => candidate.steps.some(stepIsHeldOut),
  )
  const answer = String(resultOf(steps.at(-1)!))
  return {
    prompt: `Question: ${question}\nAnswer:`,
    completion: ` ${steps.map(line).join('\n')}\n#### ${answer}`,
    answer,
    group,
  }
}

/** A step alone: the densest way to learn the digits. */
function alone(make: () => Step): Document {
  const step = drawForSplit('train', make, stepIsHeldOut)
  return { prompt: `${step.left} ${step.operator} ${step.right} =`, text: ` ${resultOf(step)}` }
}

function support(seed: number, index: number): Document {
  const draw = drawFor(seed, 'arithmetic support', index)
  return alone(() => {
    const [template] = draw.pick([SUMS, DIFFERENCES, PRODUCTS, TWO_STEPS])
    return draw.pick(template!(draw).steps)
  })
}

/** Differences of near numbers, and of those that end alike: few among the questions, and what goes wrong most. */
function drill(seed: number, index: number): Document {
  const draw = drawFor(seed, 'arithmetic drill', index)
  return alone(() => {
    const left = draw.integer(10, LARGEST)
    const near = difference(left, draw.integer(Math.max(1, left - 12), left - 1))
    const alike = difference(left, left - 10 * draw.integer(1, Math.floor((left - 1) / 10) || 1))
    const any = difference(left, draw.integer(1, left - 1))
    const step = draw.pick([near, near, alike, any, sum(left, draw.integer(1, LARGEST))])
    return step.right > 0 ? step : any
  })
}

export const ARITHMETIC: Domain = {
  name: 'arithmetic',
  title: 'Word problems of one and two steps with numbers below 200',
  heldOut: 'by operands: every held-out problem has a sum or difference that occurs nowhere in training',
  item,
  support,
  drill,
}
