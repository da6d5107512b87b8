/**
 * The tool by which an agent gives a step to another: here, or on a member that offers the agent, whichever weighs best. What it gives is a lease:
 * no tool, time or token beyond what the giver has, until a time. What a member answers is untrusted.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { AgentAnswer, AgentEvent, AgentName, AgentRequest, Lease, LoopLimits } from '../agent.ts'
import { claimedUsage } from '../loop/limits.ts'
import { oneOf, several, takes, tool, words } from '../tools/define-tool.ts'
import type { Tool, ToolContext } from '../tools/tool.ts'
import type { MemberOffer } from '../village/village-agents.ts'
import type { Choice, Decisions } from './decisions.ts'
import { isJoinedText, isStepReference, MEASURES, type PlanStep, RESULT_FIELDS } from './plan.ts'
import { readSteps, resultOf } from './steps-policy.ts'
import { explainChoice, type Way, type Weighed, type Weights, weigh } from './weigh.ts'

export interface AgentAskComponents {
  readonly ask: (
    request: AgentRequest,
    signal: AbortSignal,
    onEvent?: (event: AgentEvent) => void,
  ) => Promise<AgentAnswer>
  readonly village: {
    offers(): readonly MemberOffer[]
    askMember(
      peer: string,
      request: Pick<AgentRequest, 'agent' | 'messages' | 'limits' | 'options'>,
      signal: AbortSignal,
      onEvent: (event: AgentEvent) => void,
    ): Promise<AgentAnswer>
  }
  readonly decisions: Pick<Decisions, 'choose'>
}

export interface AgentAskInit {
  /** These three may change: they are read for every task. */
  readonly weights: Weights
  /** Whether agents of this node have a language model behind them. */
  readonly hasModel: boolean
  readonly limits: LoopLimits
  readonly now: () => number
  readonly newId: () => string
}

interface Given {
  readonly agent: AgentName
  readonly task: string
  readonly steps?: readonly JsonObject[]
  /** What the asker said before, oldest first: what `it` in the task may stand for. */
  readonly history?: readonly string[]
  readonly member?: string
  readonly options?: JsonObject
}

const MAX_TASK_UNITS = 16_384
/** What extractive answers and rules are worth beside those of a model, for the weighing alone. */
const QUALITY = { rules: 0.5, model: 0.8 } as const
/** Assumed until there is a measurement. */
const FIRST_LATENCY_MS = { rules: 500, model: 8_000, member: 3_000 } as const
const CPU_SECONDS = { rules: 0.2, model: 10 } as const
/** Share of the newest measurement in the running mean. */
const NEWEST = 0.3
/** Tools that a step in words may need. */
const TOOLS: Readonly<Record<AgentName, readonly string[]>> = {
  king: [],
  sage: ['knowledge_ask', 'knowledge_search', 'knowledge_collections', 'time_now'],
  magi: [
    'calculate',
    'code_run',
    'evolve_start',
    'file_list',
    'file_read',
    'file_write',
    'geometry_measure',
    'job_*',
    'model_*',
    'round_*',
    'text_embed',
    'node_status',
    'time_now',
  ],
}

export function createAgentAsk(components: AgentAskComponents, init: AgentAskInit): Tool {
  const { ask, village, decisions } = components
  const { now, newId } = init
  /** Running means of what was measured, by agent and way. */
  const measured = new Map<string, number>()

  function waysFor({ agent, steps, member }: Given, context: ToolContext): Way[] {
    const kind = init.hasModel ? 'model' : 'rules'
    const latency = (id: string, first: number) => measured.get(`${agent} ${id}`) ?? first
    const here: Way = {
      id: 'here',
      estimates: {
        latencyMs: latency('here', FIRST_LATENCY_MS[kind]),
        cpuSeconds: CPU_SECONDS[kind],
        leavesNode: false,
        usesOthers: false,
        quality: QUALITY[kind],
      },
    }
    // Planned steps name models, files and jobs of this node; what a visitor asks is not passed on.
    if (steps !== undefined || context.asker.kind === 'member') return [here]
    // What was read goes to a member that the asker named, and to nobody by weight.
    if (context.staysHere && member === undefined) return [here]
    const members = village.offers().flatMap(({ peer, agents }): Way[] => {
      const offer = agents.find(({ name }) => name === agent)
      if (offer === undefined) return []
      const theirs = offer.model ? 'model' : 'rules'
      return [
        {
          id: peer,
          estimates: {
            latencyMs: latency(peer, FIRST_LATENCY_MS.member + FIRST_LATENCY_MS[theirs]),
            cpuSeconds: CPU_SECONDS[theirs],
            leavesNode: true,
            usesOthers: true,
            quality: QUALITY[theirs],
          },
        },
      ]
    })
    return member === undefined ? [here, ...members] : members.filter(({ id }) => id === member)
  }

  function leaseFor(given: Given, steps: readonly PlanStep[] | null, context: ToolContext): Lease {
    const { limits } = init
    const named = steps === null ? TOOLS[given.agent] : [...new Set(steps.map(({ tool: name }) => name))]
    return {
      id: newId(),
      parent: context.request,
      agent: given.agent,
      tools: named,
      limits: steps === null ? limits : { ...limits, turns: Math.min(limits.turns, steps.length + 1) },
      expiresAtMs: now() + limits.ms,
    }
  }

  return tool<Given>({
    name: 'agent_ask',
    description:
      'Gives a task to another agent and waits for its answer: "sage" for what documents say, "magi" for calculations, programs, models and jobs.',
    parameters: takes(
      {
        agent: oneOf('Who is to do it.', 'sage', 'magi'),
        task: words('The task in words, with everything that is needed for it.', MAX_TASK_UNITS),
        steps: { type: 'array', items: { type: 'object' }, minItems: 1, maxItems: 32 },
        member: words(
          'Peer ID of a member whose agent is to do it; the one that weighs best if absent.',
          128,
        ),
        history: several(words('What the asker said before.', MAX_TASK_UNITS), 0, 16),
        options: { type: 'object' },
      },
      'agent',
      'task',
    ),
    effect: 'read',
    scope: 'ask',
    cost: { latencyMs: FIRST_LATENCY_MS.rules, cpuSeconds: CPU_SECONDS.rules, leavesNode: false },
    async run(given, context) {
      const { agent, task, options, history = [] } = given
      const { limits } = init
      const steps = readSteps(given.steps === undefined ? undefined : { steps: given.steps })
      const weighed = weigh(waysFor(given, context), init.weights)
      const chosen = weighed[0]?.id ?? given.member ?? 'here'
      const startedAtMs = now()
      const messages = [...history, task].map((content) => ({ role: 'user' as const, content }))
      const onEvent = (event: AgentEvent) => {
        if (event.kind === 'progress') context.progress(event.message)
      }
      const answered = async (): Promise<AgentAnswer> => {
        if (chosen !== 'here')
          return village
            .askMember(
              chosen,
              { agent, messages, limits, ...(options !== undefined && { options }) },
              context.signal,
              onEvent,
            )
            .then((answer) => {
              context.countTokens(claimedUsage(answer.usage, limits.tokens))
              return answer
            })
        return ask(
          {
            agent,
            messages,
            asker: context.asker,
            options: { ...options, ...(given.steps !== undefined && { steps: given.steps }) },
            // Planned steps are carried out as they are; a task in words goes to what decides for the request.
            ...(steps !== null && { model: null }),
            lease: leaseFor(given, steps, context),
          },
          context.signal,
          onEvent,
        )
      }
      const log = (tookMs: number | null) =>
        decisions.choose(context.request, choiceOf(agent, weighed, chosen, tookMs))
      let answer: AgentAnswer
      try {
        answer = await answered()
      } catch (error) {
        await log(null)
        throw error
      }
      const tookMs = now() - startedAtMs
      const key = `${agent} ${chosen}`
      const before = measured.get(key)
      measured.set(key, before === undefined ? tookMs : before + NEWEST * (tookMs - before))
      await log(tookMs)
      const isOwn =
        chosen === 'here' &&
        answer.observations.length > 0 &&
        answer.observations.every(
          ({ outcome }) => outcome.kind !== 'result' || outcome.result.trust === 'own',
        )
      return {
        content: {
          results: stepResults(steps, answer),
          agent,
          node: answer.node,
          finish: answer.finish,
          text: answer.text,
        },
        trust: isOwn && steps !== null ? 'own' : 'untrusted',
        summary: `${agent} ${answer.finish === 'answer' ? 'has answered' : `was ended by the bound of ${answer.finish}`}`,
        ...(answer.evidence !== null && { evidence: answer.evidence }),
      }
    },
  })
}

const choiceOf = (
  agent: AgentName,
  weighed: readonly Weighed[],
  chosen: string,
  tookMs: number | null,
): Choice => ({
  agent,
  ways: weighed.map(({ id, estimates, marks, score }) => ({ id, estimates, marks, score })),
  chosen,
  why: explainChoice(weighed),
  tookMs,
})

/** Of a list that a condition is held against. */
const MAX_NAMES = 1000

const KEPT: readonly string[] = [
  ...RESULT_FIELDS.filter((name) => name !== 'text'),
  ...MEASURES,
  'better',
  'first',
  'second',
]

/**
 * What of planned steps whoever gave them needs to go on: how each ended, and the figures that later steps may use. Calls of the answer are told
 * apart by their order: a step is called once, and a skipped one not at all.
 */
function stepResults(steps: readonly PlanStep[] | null, { observations }: AgentAnswer): JsonValue {
  if (steps === null) return {}
  const results: Record<string, JsonObject> = {}
  let at = 0
  for (const step of steps) {
    const observation = observations[at]
    if (
      observation === undefined ||
      observation.call.tool !== step.tool ||
      !isCallOf(step, observation.call.arguments)
    )
      continue
    at++
    const { state, summary, result } = resultOf(observation)
    const content =
      result !== null && result.trust === 'own' && isJsonObject(result.content) ? result.content : {}
    const kept: JsonObject = Object.fromEntries(
      KEPT.flatMap((name): [string, JsonValue][] => {
        const value = content[name]
        return typeof value === 'string' || typeof value === 'number' ? [[name, value]] : []
      }),
    )
    // What a condition on a list needs.
    const names = Array.isArray(content.models)
      ? content.models.flatMap((entry) =>
          isJsonObject(entry) && typeof entry.id === 'string' ? [entry.id] : [],
        )
      : []
    results[String(step.id)] = {
      state,
      summary,
      trust: result?.trust ?? 'own',
      content: names.length === 0 ? kept : { ...kept, names: names.slice(0, MAX_NAMES) },
    }
  }
  return results
}

function isCallOf(step: PlanStep, called: JsonObject): boolean {
  return Object.entries(step.arguments).every(
    ([name, value]) =>
      isStepReference(value) ||
      isJoinedText(value) ||
      Array.isArray(value) ||
      JSON.stringify(called[name]) === JSON.stringify(value),
  )
}
