/**
 * Calls that wait for a person: each is asked once, decided once, and gone when its time or its request is over. They live in memory,
 * as the requests do that wait for them.
 */
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { AgentName } from '../agent.ts'
import type { Asker } from '../asker.ts'
import type { ToolEffect } from '../tools/tool.ts'
import type { Clock } from './clock.ts'

export interface ApprovalQuestion {
  /** Id of the request, and of the call in it. */
  readonly request: string
  readonly call: string
  readonly agent: AgentName
  readonly asker: Asker
  readonly tool: string
  readonly effect: ToolEffect
  readonly arguments: JsonObject
  /** Why it is asked. */
  readonly reason: string
}

export interface WaitingApproval extends ApprovalQuestion {
  readonly id: string
  readonly askedAtMs: number
  readonly expiresAtMs: number
}

/** `by`: `owner` or the id of a key; null where nobody decided. */
export type ApprovalOutcome =
  | { readonly state: 'approved' | 'denied'; readonly by: string }
  | { readonly state: 'expired'; readonly by: null }

export interface Approvals {
  /**
   * Waits for a decision. `onAsked` is told the id before anybody can decide. Throws APPROVALS_FULL, and the signal's reason
   * when the request ends first.
   */
  ask(
    question: ApprovalQuestion,
    signal: AbortSignal,
    onAsked: (waiting: WaitingApproval) => void,
  ): Promise<ApprovalOutcome>
  /** Oldest first: everything for the owner, what it asked itself for a key. */
  list(by: Asker): WaitingApproval[]
  /** Throws APPROVAL_UNKNOWN: also for one that is another asker's, was decided before, or is over. */
  decide(id: string, decision: 'approve' | 'deny', by: Asker): WaitingApproval
}

interface Components {
  readonly events: Pick<Events, 'emit'>
  readonly clock: Clock
  newId(): string
}

const MAX_WAITING = 256

const isSame = (a: Asker, b: Asker) => a.kind === b.kind && a.id === b.id
const mayDecide = (by: Asker, { asker }: ApprovalQuestion) => by.kind === 'owner' || isSame(by, asker)

export function createApprovals(
  { events, clock, newId }: Components,
  init: { approvalMs: number; maxWaiting?: number },
): Approvals {
  const { maxWaiting = MAX_WAITING } = init
  const waiting = new Map<string, { shown: WaitingApproval; settle: (outcome: ApprovalOutcome) => void }>()

  function tell({ id, request, agent, tool, expiresAtMs }: WaitingApproval, state: string): void {
    events.emit('agent:approval', { approval: id, request, agent, tool, state, expiresAtMs })
  }

  return {
    async ask(question, signal, onAsked) {
      signal.throwIfAborted()
      if (waiting.size >= maxWaiting) throw new VillageError('APPROVALS_FULL')
      const askedAtMs = clock.now()
      const { approvalMs } = init
      const shown = { ...question, id: newId(), askedAtMs, expiresAtMs: askedAtMs + approvalMs }
      const outcome = Promise.withResolvers<ApprovalOutcome>()
      const withdraw = () => outcome.reject(signal.reason)
      const cancel = clock.after(approvalMs, () => outcome.resolve({ state: 'expired', by: null }))
      signal.addEventListener('abort', withdraw, { once: true })
      waiting.set(shown.id, { shown, settle: outcome.resolve })
      let state = 'withdrawn'
      try {
        tell(shown, 'waiting')
        onAsked(shown)
        const decided = await outcome.promise
        state = decided.state
        return decided
      } finally {
        cancel()
        signal.removeEventListener('abort', withdraw)
        waiting.delete(shown.id)
        tell(shown, state)
      }
    },
    list: (by) => [...waiting.values()].map(({ shown }) => shown).filter((shown) => mayDecide(by, shown)),
    decide(id, decision, by) {
      const found = waiting.get(id)
      if (found === undefined || !mayDecide(by, found.shown)) throw new VillageError('APPROVAL_UNKNOWN')
      // Taken off at once: a second decision finds nothing, though the call has not gone on yet.
      waiting.delete(id)
      found.settle({ state: decision === 'approve' ? 'approved' : 'denied', by: by.id })
      return found.shown
    },
  }
}
