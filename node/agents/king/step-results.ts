/** Results of steps: what a later step takes from them, whether its condition holds, and what is said of them. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { ToolResult } from '../tools/tool.ts'
import {
  isJoinedText,
  isStepReference,
  type Measure,
  type PlanStep,
  type ResultField,
  referencesIn,
  type StepCondition,
  type StepReference,
} from './plan.ts'

export type StepState = 'done' | 'failed' | 'refused' | 'skipped'

export interface StepResult {
  readonly state: StepState
  /** One line for people: what came of it, or why nothing did. */
  readonly summary: string
  readonly result: Pick<ToolResult, 'content' | 'trust'> | null
}

export type StepResults = ReadonlyMap<number, StepResult>

const TEXT_FIELDS = ['text', 'stdout', 'answer', 'local', 'value'] as const

/** A field of a result; null where it has none. Names come only from what this node itself made: `text` may hold anything. */
export function fieldOf(
  { content, trust }: Pick<ToolResult, 'content' | 'trust'>,
  field: ResultField,
): JsonValue | null {
  if (field === 'text') return textOf(content)
  // A number is no name: it may come from any text.
  if (field === 'figure') return figureIn(textOf(content))
  if (trust !== 'own' || !isJsonObject(content)) return null
  const value = field === 'job' ? (content.job ?? newestJob(content)) : content[field]
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

/** Lists of jobs begin with the newest. */
function newestJob({ jobs }: JsonObject): JsonValue | undefined {
  const newest = Array.isArray(jobs) ? jobs[0] : undefined
  return isJsonObject(newest) ? newest.job : undefined
}

const MAX_DIGITS = 30

/** The first number of a text that is no mark of a source (`[1]`), date or part of a name; null where there is none. */
export function figureIn(text: string): string | null {
  const found =
    /(?<![\p{L}\p{N}_.\-/:[])\d+(?:,\d{3})*(?:\.\d+)?(?![\d\]/:]|-\d|[.,]\d)/u.exec(
      text.slice(0, 10_000),
    )?.[0] ?? null
  return found === null || found.length > MAX_DIGITS ? null : found.replaceAll(',', '')
}

export function textOf(content: JsonValue): string {
  if (typeof content === 'string') return content
  if (!isJsonObject(content)) return JSON.stringify(content)
  for (const name of TEXT_FIELDS) {
    const value = content[name]
    if (typeof value === 'string' && value !== '') return value
  }
  return describe(content)
}

const MAX_LINES = 60
const MAX_LIST = 20

/** Content as lines for people: `name: value`, lists with a dash for each. */
export function describe(value: JsonValue, indent = ''): string {
  const lines: string[] = []
  for (const [name, inner] of Object.entries(isJsonObject(value) ? value : { result: value })) {
    if (inner === null || (Array.isArray(inner) && inner.length === 0)) continue
    if (Array.isArray(inner)) {
      lines.push(`${indent}${name}:`)
      for (const item of inner.slice(0, MAX_LIST)) lines.push(`${indent}- ${oneLine(item)}`)
      if (inner.length > MAX_LIST) lines.push(`${indent}- … and ${inner.length - MAX_LIST} more`)
    } else if (isJsonObject(inner)) lines.push(`${indent}${name}: ${oneLine(inner)}`)
    else lines.push(`${indent}${name}: ${String(inner)}`)
    if (lines.length >= MAX_LINES) break
  }
  return lines.slice(0, MAX_LINES).join('\n')
}

const MAX_ITEM = 400

function oneLine(value: JsonValue): string {
  if (!isJsonObject(value))
    return String(typeof value === 'object' ? JSON.stringify(value) : value).slice(0, MAX_ITEM)
  return Object.entries(value)
    .filter(([, inner]) => inner !== null)
    .map(([name, inner]) => `${name} ${typeof inner === 'object' ? JSON.stringify(inner) : String(inner)}`)
    .join(', ')
    .slice(0, MAX_ITEM)
}

export type Resolved = { readonly arguments: JsonObject } | { readonly why: string }

/**
 * Arguments with results in the place of references. References that `keep` says are of the same group stay. `why`: a step that it rests on gave
 * nothing for it.
 */
export function resolveArguments(
  given: JsonObject,
  results: StepResults,
  keep: (step: number) => boolean = () => false,
): Resolved {
  const resolved: Record<string, JsonValue> = {}
  for (const [name, value] of Object.entries(given)) {
    if (isJoinedText(value)) {
      const texts: string[] = []
      const inner: JsonValue[] = []
      for (const part of value.$text) {
        const isKept = typeof part !== 'string' && keep(part.$from)
        const found = typeof part === 'string' || isKept ? part : resultOf(part, results)
        if (found === null) return { why: nothingFor(part as StepReference) }
        inner.push(isKept ? part : String(found))
        if (!isKept) texts.push(String(found))
      }
      resolved[name] = texts.length === inner.length ? texts.join('') : { $text: inner }
      continue
    }
    const parts: JsonValue[] = []
    for (const part of Array.isArray(value) ? value : [value]) {
      if (!isStepReference(part) || keep(part.$from)) parts.push(part)
      else {
        const found = resultOf(part, results)
        if (found === null) return { why: nothingFor(part) }
        parts.push(found)
      }
    }
    resolved[name] = Array.isArray(value) ? parts : parts[0]!
  }
  return { arguments: resolved }
}

function resultOf({ $from, field }: StepReference, results: StepResults): JsonValue | null {
  const before = results.get($from)
  return before?.state === 'done' && before.result !== null ? fieldOf(before.result, field) : null
}

const nothingFor = ({ $from, field }: StepReference): string => `Step ${$from} gave no ${field} for it.`

/** Null: the step is taken; else why it is not. */
export function whyNot(condition: StepCondition | null, results: StepResults): string | null {
  if (condition === null) return null
  const before = results.get(condition.step)
  if (before === undefined) return `It depends on step ${condition.step}, which was not taken.`
  if (condition.kind === 'outcome') {
    if (before.state === 'skipped') return `It depends on step ${condition.step}, which was not taken.`
    const failed = before.state !== 'done'
    return failed === (condition.is === 'failed')
      ? null
      : `Step ${condition.step} ${failed ? 'failed' : 'did not fail'}.`
  }
  if (before.state !== 'done' || before.result === null)
    return `Step ${condition.step}, on which it depends, gave no result.`
  if (condition.kind === 'job') {
    const { content } = before.result
    const state = isJsonObject(content) && typeof content.state === 'string' ? content.state : 'unknown'
    const isOn = /^(?:queued|waiting|running|preparing)$/.test(state)
    const holds =
      condition.is === 'running'
        ? isOn
        : condition.is === 'ended'
          ? !isOn && state !== 'unknown'
          : condition.is === 'done'
            ? state === 'done'
            : /^(?:failed|cancelled)$/.test(state)
    return holds ? null : `The job is ${state}.`
  }
  if (condition.kind === 'listed') {
    const isThere = hasName(before.result.content, condition.name.toLowerCase())
    return isThere === (condition.is === 'there')
      ? null
      : `${condition.name} is ${isThere ? 'there' : 'not there'}.`
  }
  if (condition.kind === 'verdict') {
    const { content } = before.result
    const [better, first, second] = isJsonObject(content)
      ? [content.better, content.first, content.second]
      : []
    const wanted = condition.is === 'better' ? second : first
    return typeof better === 'string' && better === wanted
      ? null
      : `The comparison did not find it ${condition.is}.`
  }
  const value = measureOf(before.result.content, condition.measure)
  if (value === null) return `Step ${condition.step} did not measure the ${condition.measure}.`
  const holds = condition.is === 'above' ? value > condition.limit : value < condition.limit
  return holds
    ? null
    : `The ${condition.measure} is ${value}, which is not ${condition.is} ${condition.limit}.`
}

/** Whether a list has an entry that is called so; deeper than entries of lists is not looked. */
const hasName = (content: JsonValue, name: string): boolean =>
  isJsonObject(content) &&
  Object.values(content).some(
    (list) =>
      Array.isArray(list) &&
      list.some((entry) =>
        isJsonObject(entry)
          ? [entry.name, entry.id].some((one) => typeof one === 'string' && one.toLowerCase() === name)
          : typeof entry === 'string' && entry.toLowerCase() === name,
      ),
  )

const FALLBACK: Readonly<Partial<Record<Measure, Measure>>> = { quality: 'score', score: 'quality' }

function measureOf(content: JsonValue, measure: Measure): number | null {
  if (!isJsonObject(content)) return null
  for (const name of [measure, FALLBACK[measure]]) {
    const value = name === undefined ? undefined : content[name]
    const number = typeof value === 'string' ? Number(value) : value
    if (typeof number === 'number' && Number.isFinite(number)) return number
  }
  return null
}

/** Steps that an argument or the condition of `step` rests on. */
export function restsOn(step: PlanStep): number[] {
  const references = Object.values(step.arguments).flatMap((value) =>
    referencesIn(value).map(({ $from }) => $from),
  )
  return [...new Set([...references, ...(step.when === null ? [] : [step.when.step])])]
}
