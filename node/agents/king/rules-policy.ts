/** King without a language model: the plan of the rules, its steps done here or given to the agents that they belong to, and one answer for all. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { AgentRequest } from '../agent.ts'
import type { EvidencePack } from '../evidence.ts'
import type { Observation, PlannedCall, Policy } from '../loop/policy.ts'
import type { DecidedStep, Decisions } from './decisions.ts'
import type { Plan, PlanStep } from './plan.ts'
import { resolveArguments, restsOn, type StepResult, type StepState, whyNot } from './step-results.ts'
import { blocked, describeStep, resultOf, tellAlone } from './steps-policy.ts'

interface Init {
  readonly id: string
  readonly request: AgentRequest
  readonly asked: string
  readonly plan: Plan
  readonly decisions: Pick<Decisions, 'begin' | 'end'>
}

/** Steps that one call does: a step of King itself, a question, or all steps of Magi that come one after the other. */
interface Group {
  readonly steps: readonly PlanStep[]
  readonly answer: { text: string; evidence: EvidencePack | null }
}

const isInWords = ({ tool, arguments: given }: PlanStep): boolean =>
  tool === 'code_run' && typeof given.task === 'string'

/** How many steps from `at` on go into one call. */
function groupLength(steps: readonly PlanStep[], at: number): number {
  const first = steps[at]!
  if (first.agent !== 'magi' || isInWords(first)) return 1
  let end = at + 1
  // A result of a group that is a text stays with Magi: King is given figures only.
  while (end < steps.length && steps[end]!.agent === 'magi' && !isInWords(steps[end]!)) end++
  return end - at
}

export function createKingRules(init: Init): Policy {
  const { id, request, asked, plan, decisions } = init
  const { steps } = plan
  const results = new Map<number, StepResult>()
  const groups: Group[] = []
  let at = 0
  let waiting: { readonly group: Group; readonly seen: number } | null = null
  let isBegun = false

  const decided = (): DecidedStep[] =>
    steps.map(({ id: step, tool, agent, reason }) => ({
      ...{ id: step, tool, agent, reason },
      state: results.get(step)?.state ?? null,
    }))

  function skip(step: PlanStep, summary: string): void {
    results.set(step.id, { state: 'skipped', summary, result: null })
  }

  /** The next call; null: there is none left. */
  function nextCall(seen: number): PlannedCall | null {
    while (at < steps.length) {
      const length = groupLength(steps, at)
      const taken = steps.slice(at, at + length)
      at += length
      const inside = new Set(taken.map((step) => step.id))
      const ready: PlanStep[] = []
      for (const step of taken) {
        const isOutside = step.when === null || !inside.has(step.when.step)
        const why = blocked(step, steps, results) ?? (isOutside ? whyNot(step.when, results) : null)
        const resolved =
          why === null ? resolveArguments(step.arguments, results, (from) => inside.has(from)) : { why }
        if ('why' in resolved) skip(step, resolved.why)
        else if (restsOn(step).some((from) => inside.has(from) && results.get(from)?.state === 'skipped'))
          skip(step, 'It rests on a step that was not taken.')
        else ready.push({ ...step, arguments: resolved.arguments, when: isOutside ? null : step.when })
      }
      if (ready.length === 0) continue
      const group: Group = { steps: ready, answer: { text: '', evidence: null } }
      groups.push(group)
      waiting = { group, seen }
      return callOf(group, request)
    }
    return null
  }

  function take(
    { group, seen }: { readonly group: Group; readonly seen: number },
    observations: readonly Observation[],
  ): void {
    const observation = observations[seen]
    if (observation === undefined) return
    for (const [step, result] of readGroup(group, observation)) results.set(step, result)
  }

  return {
    model: null,
    async next({ observations }, signal, onText) {
      signal.throwIfAborted()
      if (!isBegun) {
        isBegun = true
        const { kind, id: asker } = request.asker
        await decisions.begin({
          id,
          asker: { kind, id: asker },
          asked,
          model: null,
          steps: decided(),
          notDone: plan.notDone,
        })
      }
      if (waiting !== null) take(waiting, observations)
      waiting = null
      const call = nextCall(observations.length)
      if (call !== null) return { action: { kind: 'call', calls: [call] }, usage: null }
      const { text, evidence } = report(plan, results, groups)
      await decisions.end(id, decided())
      onText(text)
      return { action: { kind: 'answer', text, ...(evidence !== null && { evidence }) }, usage: null }
    },
  }
}

/** Turns of the asker that a question may speak of. */
const MAX_HISTORY = 6
const MAX_HISTORY_UNITS = 4_096

function callOf({ steps }: Group, request: AgentRequest): PlannedCall {
  const [first] = steps as readonly [PlanStep, ...PlanStep[]]
  const { tool, arguments: given, reason } = first
  if (tool === 'knowledge_ask') {
    const { question, ...rest } = given
    const { steps: _steps, node: _node, ...asked } = request.options ?? {}
    const options = { ...asked, ...rest }
    const history = request.messages
      .slice(0, -1)
      .flatMap(({ role, content }) =>
        role === 'user' && content.length <= MAX_HISTORY_UNITS && content !== '' ? [content] : [],
      )
      .slice(-MAX_HISTORY)
    const more = {
      ...(history.length > 0 && { history }),
      ...(Object.keys(options).length > 0 && { options }),
    }
    return { tool: 'agent_ask', arguments: { agent: 'sage', task: String(question), ...more }, reason }
  }
  if (isInWords(first))
    return { tool: 'agent_ask', arguments: { agent: 'magi', task: String(given.task) }, reason }
  if (first.agent !== 'magi') return { tool, arguments: given, reason }
  const handed = steps.map(
    ({ id, tool: name, arguments: arguments_, reason: why, when }): JsonObject => ({
      ...{ id, tool: name, arguments: arguments_, reason: why },
      // Plain data; its type is a union of interfaces.
      ...(when !== null && { when: when as unknown as JsonObject }),
    }),
  )
  return {
    tool: 'agent_ask',
    arguments: { agent: 'magi', task: steps.map((step) => step.tool).join(', '), steps: handed },
    reason,
  }
}

const STATES: readonly StepState[] = ['done', 'failed', 'refused', 'skipped']

/** What became of each step of a group. */
function readGroup(group: Group, observation: Observation): [number, StepResult][] {
  const result = resultOf(observation)
  const [first] = group.steps as readonly [PlanStep, ...PlanStep[]]
  if (observation.call.tool !== 'agent_ask') return [[first.id, result]]
  if (result.state !== 'done' || result.result === null) return group.steps.map(({ id }) => [id, result])
  const content: JsonObject = isJsonObject(result.result.content) ? result.result.content : {}
  group.answer.text = typeof content.text === 'string' ? content.text : ''
  if (observation.outcome.kind === 'result')
    group.answer.evidence = observation.outcome.result.evidence ?? null
  if (first.agent === 'sage' || isInWords(first))
    return [[first.id, { ...result, summary: group.answer.text }]]
  const told = isJsonObject(content.results) ? content.results : {}
  return group.steps.map(({ id }) => [id, readStep(told[String(id)], group.answer.text)])
}

function readStep(value: JsonValue | undefined, text: string): StepResult {
  const state = isJsonObject(value) ? STATES.find((name) => name === value.state) : undefined
  if (!isJsonObject(value) || state === undefined)
    return { state: 'skipped', summary: 'Magi did not take it.', result: null }
  const { summary, content = {}, trust } = value
  const figures = isJsonObject(content) ? content : {}
  return {
    state,
    summary: typeof summary === 'string' ? summary : '',
    result:
      state === 'done'
        ? {
            content: { ...figures, text: figures.text ?? text },
            trust: trust === 'own' ? 'own' : 'untrusted',
          }
        : null,
  }
}

const NOTHING =
  'I know no step for that. Without a language model I plan by rules: I can index and ask documents, work with models and jobs, calculate, run programs, and read and write files of granted folders. Say it in other words, or configure a model (agents.model).'

/** One answer for the whole: what each step gave, and what was not done. Numbers only where there are several steps. */
export function report(
  plan: Plan,
  results: ReadonlyMap<number, StepResult>,
  groups: readonly Group[],
): { text: string; evidence: EvidencePack | null } {
  const evidence = groups.findLast(({ answer }) => answer.evidence !== null)?.answer.evidence ?? null
  const missing = plan.notDone.map(({ text, why }) => `Not done: ${text}. ${why}`)
  // Whoever was told why not needs no list of what else there is.
  if (plan.steps.length === 0)
    return { text: missing.length === 0 ? NOTHING : missing.join('\n'), evidence: null }
  const isAlone = plan.steps.length === 1
  const parts: string[] = []
  const told = new Set<number>()
  for (const step of plan.steps) {
    if (told.has(step.id)) continue
    const group = groups.find(({ steps }) => steps.some(({ id }) => id === step.id))
    const isDelegated = group !== undefined && group.answer.text !== ''
    if (!isDelegated) parts.push((isAlone ? tellAlone : describeStep)(step, results.get(step.id)))
    else if (step.agent === 'sage' || isInWords(step))
      parts.push(isAlone ? group.answer.text : `${step.id}. ${group.answer.text}`)
    else {
      for (const { id } of group.steps) told.add(id)
      parts.push(
        isAlone
          ? unnumbered(step, { text: group.answer.text, result: results.get(step.id) })
          : group.answer.text,
      )
    }
  }
  return { text: [...parts, ...missing].join('\n'), evidence }
}

/** What Magi says of a single step of a plan begins with its number and name. */
function unnumbered(
  { id, tool }: PlanStep,
  { text, result }: { readonly text: string; readonly result: StepResult | undefined },
): string {
  const bare = text.startsWith(`${id}. `) ? text.slice(`${id}. `.length) : text
  const name = `${tool.replaceAll('_', ' ')}: `
  return result?.state === 'done' && bare.startsWith(name) ? bare.slice(name.length) : bare
}
