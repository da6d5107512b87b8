/** Answers one request: its model, its grant, what its asker's words ask for, its bounds; then the loop. */
import { randomBytes } from 'node:crypto'
import type { Config } from '../../config.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Log } from '../../log.ts'
import type { AgentAnswer, AgentEvent, AgentRequest, AgentRow, Lease, LoopLimits } from '../agent.ts'
import type { Asker } from '../asker.ts'
import type { ChatMessage, ChatModel, ChatUsage, ToolDeclaration } from '../chat/chat-model.ts'
import { NO_NAMES, type OwnNames } from '../own-names.ts'
import type { Tool } from '../tools/tool.ts'
import { inAgentSpan } from './agent-spans.ts'
import type { Approvals } from './approvals.ts'
import type { Audit } from './audit.ts'
import type { CheckArguments } from './check-arguments.ts'
import { type Clock, createDeadline } from './clock.ts'
import { createGrant, type Grant } from './grants.ts'
import type { IntendedCall } from './intended-call.ts'
import { createTokenBudget, narrowLimits } from './limits.ts'
import { meteredModel } from './metered-model.ts'
import type { RequestCounter } from './request-counts.ts'
import { createRequestTrust, type RequestTrust, wordsOf } from './request-trust.ts'
import { createCallRunner } from './run-call.ts'
import { runLoop } from './run-loop.ts'
import { leasedLimits, type RunningRequest } from './running-request.ts'

export interface AnswerComponents {
  readonly rows: readonly AgentRow[]
  /** Read at each request: tools of external servers come and go. */
  readonly tools: () => readonly Tool[]
  readonly chatModels: { need(id: string): Promise<ChatModel> }
  /** Rules over the asker's words. */
  readonly intendedCalls: (
    messages: readonly ChatMessage[],
    tools: readonly string[],
    own: OwnNames,
  ) => readonly IntendedCall[] | Promise<readonly IntendedCall[]>
  /** What the node has by its names; of the owner's requests only, for others could learn names from plans. */
  readonly ownNames: () => OwnNames
  /** What the owner's memory says to a text, for its own requests; null where there is nothing. */
  readonly twin: {
    recallFor(
      asker: Asker,
      text: string,
      init: { remote: boolean },
      signal: AbortSignal,
    ): Promise<string | null>
  }
  readonly approvals: Pick<Approvals, 'ask' | 'list'>
  readonly audit: Pick<Audit, 'begin' | 'refuse'>
  readonly checkArguments: CheckArguments
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

export type AgentLimitsConfig = Pick<
  Config,
  | 'agents.model'
  | 'agents.endpointsMaySee'
  | 'agents.maxTurns'
  | 'agents.maxMs'
  | 'agents.maxTokens'
  | 'agents.maxRepeats'
  | 'agents.maxResultBytes'
  | 'agents.denyTools'
>

/** What a request of the owner may use at most, at present. */
export function ownerLimits(
  config: Pick<
    AgentLimitsConfig,
    'agents.maxTurns' | 'agents.maxMs' | 'agents.maxTokens' | 'agents.maxRepeats'
  >,
): LoopLimits {
  return {
    turns: config['agents.maxTurns'],
    ms: config['agents.maxMs'],
    tokens: config['agents.maxTokens'],
    repeats: config['agents.maxRepeats'],
  }
}

export interface AnswerInit {
  readonly config: AgentLimitsConfig
  readonly peerId: string
  readonly clock: Clock
  newId(): string
  readonly counter: RequestCounter
  /** Aborts when the daemon stops. */
  readonly stopping: AbortSignal
  /** What a model took for somebody, as soon as it is known. */
  onUsage(asker: Asker, usage: ChatUsage): void
}

export interface RequestRunner {
  /** Those that go on, by id: a lease names one. */
  readonly running: ReadonlyMap<string, RunningRequest>
  grant(row: AgentRow, asker: Asker, leases: readonly Lease[]): Grant
  /** Throws INVALID_ARGUMENT, what a model throws, and the signal's reason. */
  run(
    row: AgentRow,
    request: AgentRequest,
    parent: RunningRequest | null,
    signal: AbortSignal,
    onEvent: (event: AgentEvent) => void,
  ): Promise<AgentAnswer>
}

export const newAgentId = (): string => randomBytes(12).toString('hex')

const declare = ({ name, description, parameters }: Tool): ToolDeclaration => ({
  name,
  description,
  parameters,
})

function lastWords(messages: readonly ChatMessage[]): string {
  const last = messages.findLast(({ role }) => role === 'user')
  if (last === undefined || last.content.trim() === '')
    throw new VillageError('INVALID_ARGUMENT', 'messages must have one of the role user, with a text', {
      fields: { field: 'messages' },
    })
  return last.content
}

export function createRequestRunner(components: AnswerComponents, init: AnswerInit): RequestRunner {
  const { rows, chatModels, intendedCalls, ownNames, twin, events } = components
  const { config, peerId, clock, newId, counter, stopping, onUsage } = init
  const running = new Map<string, RunningRequest>()
  const callComponents = { ...components, clock, newId, countCall: counter.countCall }

  const grant: RequestRunner['grant'] = (row, asker, leases) =>
    createGrant({
      ...{ tools: components.tools(), row, leases, asker },
      denyTools: config['agents.denyTools'],
    })

  async function modelOf(request: AgentRequest, parent: RunningRequest | null): Promise<ChatModel | null> {
    if (request.model === undefined && parent !== null) return parent.model
    const id = request.model === undefined ? config['agents.model'] : request.model
    return id === null ? null : chatModels.need(id)
  }

  const seesPrivate = (asker: Asker, model: ChatModel | null) =>
    asker.kind !== 'member' &&
    (model === null || model.place === 'local' || config['agents.endpointsMaySee'] === 'all')

  const namesFor = (asker: Asker): OwnNames => (asker.kind === 'member' ? NO_NAMES : ownNames())

  /** A delegated request has the words of the one that was asked: its own may be those of a model. */
  async function trustOf(request: AgentRequest, parent: RunningRequest | null): Promise<RequestTrust> {
    if (parent !== null) return parent.trust.delegate()
    const names = components.tools().map(({ name }) => name)
    const words = wordsOf(request.messages)
    const intended = await Promise.all([
      intendedCalls(words, names, namesFor(request.asker)),
      // Also of those that a step may be delegated to: they all read the same words.
      ...rows.map((row) => row.intended?.(words) ?? []),
    ])
    return createRequestTrust(request.messages, intended.flat(), {
      ...(request.options !== undefined && { options: request.options }),
      isKept: request.history === 'kept',
    })
  }

  async function recalled(text: string, { asker, model, signal }: RunningRequest): Promise<ChatMessage[]> {
    if (model === null) return []
    const memory = await twin.recallFor(asker, text, { remote: model.place === 'remote' }, signal)
    return memory === null ? [] : [{ role: 'system', content: memory }]
  }

  async function answer(
    row: AgentRow,
    request: AgentRequest,
    state: RunningRequest,
    parent: RunningRequest | null,
    startedAtMs: number,
  ): Promise<AgentAnswer> {
    const { asker, messages: asked } = request
    const { id, model, leases, trust, deadline, signal, limits, budget, onEvent } = state
    const granted = grant(row, asker, leases)
    const tools = [...granted.tools.values()]
    const metered = model === null ? null : meteredModel(model)
    const policy = await row.policy({
      ...{ id, request, model: metered?.model ?? null },
      tools: tools.map(({ name }) => name),
      own: namesFor(asker),
      declarations: tools.map(declare),
    })
    const calls = createCallRunner(callComponents, {
      ...{ id, agent: row.name, asker, grant: granted, trust, deadline, signal, onEvent },
      ...{ approvals: state.approvals, repeats: limits.repeats, seesPrivate: state.seesPrivate },
      maxResultBytes: config['agents.maxResultBytes'],
      countTokens: ({ promptTokens, completionTokens }) =>
        budget.take({ promptTokens, completionTokens, cachedTokens: 0 }),
    })
    const memory = parent === null ? await recalled(lastWords(asked), state) : []
    const messages = [...memory, ...asked]
    const takenUnsaid = () => metered?.take() ?? null
    const end = await runLoop({
      ...{ policy, messages, limits, budget, takenUnsaid, deadline, calls, signal, onEvent },
      onTurn: (seconds) => counter.timeTurn(row.name, seconds),
    })
    counter.countTurns(end.turns)
    counter.countTokens(policy.model, end.usage)
    const tookMs = clock.now() - startedAtMs
    return { id, agent: row.name, node: peerId, model: policy.model, ...end, usage: budget.used(), tookMs }
  }

  return {
    running,
    grant,
    async run(row, request, parent, given, onEvent) {
      const { asker, lease } = request
      const startedAtMs = clock.now()
      lastWords(request.messages)
      const wished = lease === undefined ? {} : leasedLimits(lease, parent, startedAtMs)
      const limits = narrowLimits(narrowLimits(ownerLimits(config), wished), request.limits)
      const model = await modelOf(request, parent)
      const id = newId()
      const deadline = createDeadline(clock, limits.ms, parent?.deadline ?? null)
      const trust = await trustOf(request, parent)
      const tell = (finish: string | null) =>
        events.emit('agent:request', { request: id, agent: row.name, model: model?.id ?? null, finish })
      tell(null)
      try {
        const state: RunningRequest = {
          ...{ id, asker, model, limits, deadline, trust },
          leases: [...(lease === undefined ? [] : [lease]), ...(parent?.leases ?? [])],
          depth: parent === null ? 0 : parent.depth + 1,
          budget: createTokenBudget(limits.tokens, parent?.budget ?? null, (usage) => {
            if (parent === null) onUsage(asker, usage)
          }),
          approvals: parent?.approvals ?? request.approvals ?? 'wait',
          seesPrivate: seesPrivate(asker, model) && (parent?.seesPrivate ?? true),
          signal: AbortSignal.any([given, stopping, ...(parent === null ? [] : [parent.signal])]),
          onEvent(event) {
            // Whoever follows the first request sees what is done for it; what a step says goes to who delegated it.
            if (event.kind !== 'text' && event.kind !== 'plan') parent?.onEvent(event)
            onEvent(event)
          },
        }
        running.set(id, state)
        const answered = await inAgentSpan({ agent: row.name, id, model: model?.id ?? null }, () =>
          answer(row, request, state, parent, startedAtMs),
        )
        tell(answered.finish)
        counter.timeRequest(row.name, (clock.now() - startedAtMs) / 1000)
        return answered
      } catch (error) {
        tell(toVillageError(error).code)
        throw error
      } finally {
        if (trust.isTainted()) parent?.trust.taint()
        deadline.close()
        running.delete(id)
      }
    },
  }
}
