/**
 * Planned steps one after the other: results of earlier ones put in, conditions held against what was measured. What cannot be taken is skipped and
 * said; steps that do not rest on it go on.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Observation, PlannedCall, Policy } from '../loop/policy.ts'
import {
  agentOf,
  isJoinedText,
  isStepReference,
  JOB_IS,
  MEASURES,
  type PlanStep,
  type StepCondition,
} from './plan.ts'
import { resolveArguments, restsOn, type StepResult, whyNot } from './step-results.ts'
import { tellResult } from './tell/tell-result.ts'

export const MAX_STEPS = 32

/** Walks a plan: `next` is asked with everything that was seen so far. */
export interface StepRunner {
  /** Null: all are done, failed or skipped. */
  next(observations: readonly Observation[]): PlannedCall | null
  readonly results: ReadonlyMap<number, StepResult>
}

export function resultOf(observation: Observation): StepResult {
  const { outcome } = observation
  if (outcome.kind === 'result')
    return { state: 'done', summary: outcome.result.summary, result: outcome.result }
  if (outcome.kind === 'refused') return { state: 'refused', summary: outcome.reason, result: null }
  return { state: 'failed', summary: `${outcome.message} (${outcome.code})`, result: null }
}

export function createStepRunner(steps: readonly PlanStep[]): StepRunner {
  const results = new Map<number, StepResult>()
  let at = 0
  let waiting: { readonly step: PlanStep; readonly seen: number } | null = null
  return {
    results,
    next(observations) {
      if (waiting !== null) {
        const observed = observations[waiting.seen]
        if (observed !== undefined) results.set(waiting.step.id, resultOf(observed))
        waiting = null
        at++
      }
      for (; at < steps.length; at++) {
        const step = steps[at]!
        const why = blocked(step, steps, results) ?? whyNot(step.when, results)
        const resolved = why === null ? resolveArguments(step.arguments, results) : { why }
        if ('why' in resolved) {
          results.set(step.id, { state: 'skipped', summary: resolved.why, result: null })
          continue
        }
        waiting = { step, seen: observations.length }
        return { tool: step.tool, arguments: resolved.arguments, reason: step.reason }
      }
      return null
    },
  }
}

/** A step rests on those it refers to; a question about a collection on the step that fills it. */
export function blocked(
  step: PlanStep,
  steps: readonly PlanStep[],
  results: ReadonlyMap<number, StepResult>,
): string | null {
  const outcomes = step.when?.kind === 'outcome' ? [step.when.step] : []
  for (const id of restsOn(step))
    if (!outcomes.includes(id) && results.has(id) && results.get(id)!.state !== 'done')
      return `It rests on step ${id}, which was not done.`
  const asked = step.arguments.collections
  if (!Array.isArray(asked)) return null
  const filled = steps.filter(
    ({ id, tool, arguments: given }) =>
      tool === 'knowledge_index' && id < step.id && asked.includes(given.collection ?? null),
  )
  const failed = filled.length > 0 && filled.every(({ id }) => (results.get(id)?.state ?? 'done') !== 'done')
  return failed ? `Nothing was indexed into ${String(filled[0]!.arguments.collection)}.` : null
}

const nameOf = ({ tool }: PlanStep): string => tool.replaceAll('_', ' ')

/** What came of one step, for an answer that has several: its number and name first. Texts of documents and programs come as they are. */
export function describeStep(step: PlanStep, result: StepResult | undefined): string {
  const told = tellStep(step, result)
  const isPlain = result?.state === 'done' && PLAIN.test(step.tool)
  return `${step.id}. ${isPlain ? '' : `${nameOf(step)}: `}${told}`
}

/** Of these the sentence says by itself what was done. */
const PLAIN = /^(?:calculate|twin_recall)$/

/** The same for an answer that has only this step: the sentence alone. */
export function tellStep(step: PlanStep, result: StepResult | undefined): string {
  if (result === undefined) return 'not taken.'
  const { state, summary } = result
  if (state === 'skipped') return `not done. ${summary}`
  if (state === 'failed') return `failed. ${summary}`
  if (state === 'refused') return `refused. ${summary}`
  if (result.result === null) return summary
  return tellResult({ ...step, summary, content: result.result.content })
}

/** One step alone needs no number. What did not come about is told with its name. */
export function tellAlone(step: PlanStep, result: StepResult | undefined): string {
  const told = tellStep(step, result)
  return result?.state === 'done' ? told : `${nameOf(step)}: ${told}`
}

interface StepsInit {
  /** Whether steps are told with their numbers: always where they are part of a larger plan. */
  readonly isNumbered: boolean
}

/** Takes the steps in their order and tells what came of each. */
export function createStepsPolicy(
  steps: readonly PlanStep[],
  { isNumbered }: StepsInit = { isNumbered: true },
): Policy {
  const runner = createStepRunner(steps)
  const tell = isNumbered ? describeStep : tellAlone
  return {
    model: null,
    async next({ observations }, signal, onText) {
      signal.throwIfAborted()
      const call = runner.next(observations)
      if (call !== null) return { action: { kind: 'call', calls: [call] }, usage: null }
      const text = steps.map((step) => tell(step, runner.results.get(step.id))).join('\n')
      onText(text)
      return { action: { kind: 'answer', text }, usage: null }
    },
  }
}

const refuse = (message: string): never => {
  throw new VillageError('AGENT_OPTION_INVALID', message, { fields: { option: 'steps' } })
}

/** The steps that King handed over; null where there are none. Throws AGENT_OPTION_INVALID. */
export function readSteps(options: JsonObject | undefined): PlanStep[] | null {
  const given = options?.steps
  if (given === undefined || given === null) return null
  if (!Array.isArray(given) || given.length === 0 || given.length > MAX_STEPS)
    return refuse(`options.steps must be a list of 1 to ${MAX_STEPS} steps`)
  const seen = new Set<number>()
  return given.map((value: JsonValue, index: number): PlanStep => {
    if (!isJsonObject(value)) return refuse('A step must be an object')
    const { tool, arguments: arguments_ = {}, reason = '', id = index + 1, when = null } = value
    if (typeof tool !== 'string' || !/^[a-z][a-z0-9_]{0,63}$/.test(tool))
      return refuse('A step must name a tool')
    if (!isJsonObject(arguments_)) return refuse('The arguments of a step must be an object')
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || seen.has(id))
      return refuse('Ids of steps must be whole and different')
    const step: PlanStep = {
      ...{ id, tool, arguments: arguments_, agent: agentOf(tool), when: readWhen(when) },
      reason: typeof reason === 'string' ? reason.slice(0, 500) : '',
    }
    if (restsOn(step).some((before) => !seen.has(before)))
      return refuse('A step rests on one that does not come before it')
    for (const part of Object.values(arguments_))
      if (
        isJsonObject(part) &&
        (('$from' in part && !isStepReference(part)) || ('$text' in part && !isJoinedText(part)))
      )
        return refuse('A reference must name a step and a field of results')
    seen.add(id)
    return step
  })
}

function readWhen(value: JsonValue): StepCondition | null {
  if (value === null) return null
  if (!isJsonObject(value) || typeof value.step !== 'number')
    return refuse('The condition of a step must name a step')
  const { kind, step, is, measure, limit } = value
  if (kind === 'outcome' && (is === 'failed' || is === 'done')) return { kind, step, is }
  if (kind === 'verdict' && (is === 'better' || is === 'worse')) return { kind, step, is }
  if (kind === 'listed' && typeof value.name === 'string' && (is === 'there' || is === 'missing'))
    return { kind, step, name: value.name.slice(0, 256), is }
  const jobIs = JOB_IS.find((name) => name === is)
  if (kind === 'job' && jobIs !== undefined) return { kind, step, is: jobIs }
  const known = MEASURES.find((name) => name === measure)
  if (
    kind === 'number' &&
    known !== undefined &&
    (is === 'above' || is === 'below') &&
    typeof limit === 'number'
  )
    return { kind, step, measure: known, is, limit }
  return refuse('The condition of a step is not of a kind that is known')
}
