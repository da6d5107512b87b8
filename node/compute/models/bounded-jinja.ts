/** Jinja templates of strangers: @huggingface/jinja, bounded in steps, sizes and time. */
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import type { JsonObject } from '../../json.ts'
import { withinTime } from './within-time.ts'

export interface JinjaBounds {
  /** Nodes of the template that are evaluated, each time that one is. */
  readonly steps: number
  /** UTF-16 units of any string on the way, the output among them. */
  readonly units: number
  /** Entries of any list or mapping on the way. */
  readonly entries: number
  /** Units and entries of all that is made on the way, together: a template may keep what it makes. */
  readonly made: number
  readonly timeMs: number
}

/** Roomy: a conversation of a thousand messages takes some ten thousand steps. */
export const JINJA_BOUNDS: JinjaBounds = {
  steps: 2_000_000,
  units: 8 * 2 ** 20,
  entries: 100_000,
  made: 64 * 2 ** 20,
  timeMs: 2_000,
}

/** The template took more than it may, or raised an exception of its own; its message is for people. */
export class TemplateRefusal extends Error {}

/** What is used of the library's values and tree; its own declarations do not resolve as ES modules. */
interface RuntimeValue {
  readonly value: unknown
}
interface TreeNode {
  readonly type: string
  readonly value?: unknown
  readonly filter?: TreeNode
  readonly callee?: TreeNode
  readonly property?: TreeNode
  readonly args?: readonly TreeNode[]
}
type Evaluate = (node: TreeNode | undefined, environment: unknown) => RuntimeValue

export type TemplateFunction = (...values: unknown[]) => unknown

/** Filters that repeat a string by a number. */
const REPEATING = new Set(['indent', 'tojson'])
const MAX_REPEATS = 1_000

export interface JinjaTemplate {
  /** Throws TemplateRefusal, OutOfTime, or what the library throws for a template that is wrong. */
  render(variables: JsonObject, functions: Readonly<Record<string, TemplateFunction>>): string
}

/** Parses a template; throws what the library throws, and OutOfTime, as render() does. */
export function parseJinja(source: string, bounds: JinjaBounds = JINJA_BOUNDS): JinjaTemplate {
  const { parsed } = withinTime(() => new Template(source), bounds.timeMs)
  return {
    render(variables, functions) {
      const environment = new Environment()
      for (const [name, value] of Object.entries(CONSTANTS)) environment.set(name, value)
      environment.set('range', (...given: unknown[]) => range(given, bounds))
      for (const [name, call] of Object.entries(functions)) environment.set(name, call)
      for (const [name, value] of Object.entries(variables)) environment.set(name, value)
      const interpreter = new Interpreter(environment)
      bind(interpreter, bounds)
      const output: unknown = withinTime(() => interpreter.run(parsed).value, bounds.timeMs)
      if (typeof output !== 'string') throw new TemplateRefusal('it gives no text')
      return output
    },
  }
}

const CONSTANTS = { true: true, false: false, none: null, True: true, False: false, None: null } as const

function range(given: readonly unknown[], bounds: JinjaBounds): number[] {
  const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)
  if (!given.every(isWhole) || given.length === 0) throw new TemplateRefusal('range() takes whole numbers')
  const [first = 0, second, step = 1] = given
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  if (step === 0) throw new TemplateRefusal('the step of range() is zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > bounds.entries)
    throw new TemplateRefusal(`it makes a list of more than ${bounds.entries} entries`)
  return Array.from({ length }, (_, index) => start + index * step)
}

/** Every value of a template comes out of `evaluate`, which the library calls on itself for every node. */
function bind(interpreter: { evaluate: Evaluate }, bounds: JinjaBounds): void {
  const evaluate = interpreter.evaluate.bind(interpreter)
  let steps = 0
  let made = 0
  interpreter.evaluate = (node, environment) => {
    if (++steps > bounds.steps) throw new TemplateRefusal(`it takes more than ${bounds.steps} steps`)
    if (node?.type === 'FilterExpression') checkRepeats(node, (argument) => evaluate(argument, environment))
    const result = evaluate(node, environment)
    const size = checkSize(result.value, bounds)
    if (node !== undefined && !isReading(node)) made += size
    if (made > bounds.made) throw new TemplateRefusal('it makes too many texts and lists')
    return result
  }
}

/** What gives a value that was there before. */
const isReading = ({ type, property }: TreeNode): boolean =>
  type === 'Identifier' ||
  type === 'StringLiteral' ||
  (type === 'MemberExpression' && property?.type !== 'SliceExpression')

/** Units or entries. */
function checkSize(value: unknown, bounds: JinjaBounds): number {
  if (typeof value === 'string') {
    if (value.length > bounds.units)
      throw new TemplateRefusal(`it makes a text of more than ${bounds.units} characters`)
    return value.length
  }
  const entries = Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0
  if (entries > bounds.entries)
    throw new TemplateRefusal(`it makes a list of more than ${bounds.entries} entries`)
  return entries
}

function checkRepeats({ filter }: TreeNode, evaluate: (node: TreeNode) => RuntimeValue): void {
  if (filter?.callee === undefined || !REPEATING.has(String(filter.callee.value))) return
  for (const argument of filter.args ?? []) {
    const given = argument.type === 'KeywordArgumentExpression' ? (argument.value as TreeNode) : argument
    const { value } = evaluate(given)
    if (typeof value === 'number' && Math.abs(value) > MAX_REPEATS)
      throw new TemplateRefusal(`${filter.callee.value} is asked for more than ${MAX_REPEATS} spaces`)
  }
}
