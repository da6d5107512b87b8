/**
 * Plan, act, observe: one loop for every agent. The policy says what comes next; the loop runs it within its bounds and hands back
 * what came of it. A tool that fails is an observation; what ends the loop before its answer is said in `finish` and in the text.
 */
import { toVillageError } from '../../errors.ts'
import { inSpan } from '../../tracing.ts'
import type { AgentAnswer, AgentEvent, LoopLimits } from '../agent.ts'
import type { ChatMessage, ChatUsage } from '../chat/chat-model.ts'
import type { Deadline } from './clock.ts'
import { addUsage, NO_USAGE, type TokenBudget } from './limits.ts'
import { orAborted } from './or-aborted.ts'
import type { Action, Observation, Policy } from './policy.ts'
import type { CallRunner } from './run-call.ts'

export interface LoopInit {
  readonly policy: Policy
  readonly messages: readonly ChatMessage[]
  readonly limits: LoopLimits
  readonly budget: TokenBudget
  /** What the policy's model took since it was last asked: of a turn that gave nothing, nobody else tells. */
  readonly takenUnsaid: () => ChatUsage | null
  readonly deadline: Deadline
  readonly calls: CallRunner
  /** Of the asker. */
  readonly signal: AbortSignal
  onEvent(event: AgentEvent): void
  /** A turn has ended, with its calls. */
  onTurn(seconds: number): void
}

export type LoopEnd = Pick<AgentAnswer, 'text' | 'finish' | 'evidence' | 'observations' | 'usage' | 'turns'>

/** Of one turn; the rest is not made, and the policy sees that. */
const MAX_CALLS_A_TURN = 32

const BOUND_TEXT = {
  turns: ({ turns }: LoopLimits) => `its ${turns} turns are used up`,
  time: ({ ms }: LoopLimits) => `its ${Math.round(ms / 1000)} s are over`,
  tokens: ({ tokens }: LoopLimits) => `its ${tokens} tokens are used up`,
  repeats: ({ repeats }: LoopLimits) => `it made the same call more than ${repeats} times`,
} as const

function cutShort(bound: keyof typeof BOUND_TEXT, limits: LoopLimits, observations: readonly Observation[]) {
  const lines = observations.map(({ call, outcome }) => {
    const what =
      outcome.kind === 'result'
        ? outcome.result.summary
        : outcome.kind === 'error'
          ? outcome.message
          : outcome.reason
    return `- ${call.tool}: ${what}`
  })
  const done = lines.length === 0 ? 'Nothing was done.' : `Done until then:\n${lines.join('\n')}`
  return `The request was ended before it was answered: ${BOUND_TEXT[bound](limits)}. ${done}`
}

/** Throws what the policy throws (a model that fails), and the reason of the asker's signal. */
export async function runLoop(init: LoopInit): Promise<LoopEnd> {
  const { policy, messages, limits, budget, takenUnsaid, deadline, calls, signal, onEvent } = init
  const observations: Observation[] = []
  const within = AbortSignal.any([signal, deadline.signal])
  let usage = NO_USAGE
  let turns = 0
  let said = ''

  function count(taken: ChatUsage | null): void {
    usage = addUsage(usage, taken)
    budget.take(taken)
  }

  function cut(finish: keyof typeof BOUND_TEXT): LoopEnd {
    const note = cutShort(finish, limits, observations)
    const gap = said === '' ? '' : '\n\n'
    onEvent({ kind: 'text', text: `${gap}${note}` })
    return { text: `${said}${gap}${note}`, finish, evidence: null, observations, usage, turns }
  }

  async function next(): Promise<Action | null> {
    said = ''
    takenUnsaid()
    let isOpen = true
    const onText = (text: string) => {
      if (!isOpen || text === '') return
      said += text
      onEvent({ kind: 'text', text })
    }
    try {
      const step = { messages, observations: [...observations] }
      const given: { action: Action; usage: ChatUsage | null } = await orAborted(
        policy.next(step, within, onText),
        within,
      )
      count(given.usage)
      return given.action
    } catch (error) {
      count(takenUnsaid())
      signal.throwIfAborted()
      if (deadline.signal.aborted) return null
      throw toVillageError(error)
    } finally {
      isOpen = false
    }
  }

  /** Null: there is more to do. */
  async function turn(): Promise<LoopEnd | null> {
    calls.beginTurn()
    const action = await next()
    if (action === null) return cut('time')
    if (action.kind === 'answer') {
      if (said === '' && action.text !== '') onEvent({ kind: 'text', text: action.text })
      const evidence = action.evidence ?? null
      return { text: action.text, finish: 'answer', evidence, observations, usage, turns }
    }
    for (const [index, planned] of action.calls.entries()) {
      if (index >= MAX_CALLS_A_TURN) {
        const reason = `A turn makes at most ${MAX_CALLS_A_TURN} calls`
        observations.push({ call: planned, outcome: { kind: 'refused', reason } })
        break
      }
      observations.push(await calls.run(planned))
      if (calls.isRepeating()) return cut('repeats')
      if (deadline.signal.aborted) return cut('time')
    }
    return null
  }

  for (;;) {
    signal.throwIfAborted()
    if (deadline.signal.aborted) return cut('time')
    if (turns >= limits.turns) return cut('turns')
    if (budget.left() <= 0) return cut('tokens')
    turns += 1
    const startedMs = performance.now()
    const ended = await inSpan('turn', { attributes: { 'village.agent.turn': turns } }, turn)
    init.onTurn((performance.now() - startedMs) / 1000)
    if (ended !== null) return ended
  }
}
