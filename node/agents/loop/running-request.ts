/** A request that goes on: what those that it delegates inherit, and may never widen. */
import { VillageError } from '../../errors.ts'
import type { AgentEvent, AgentRequest, Lease, LoopLimits } from '../agent.ts'
import { type Asker, SCOPES } from '../asker.ts'
import type { ChatModel } from '../chat/chat-model.ts'
import type { Deadline } from './clock.ts'
import type { TokenBudget } from './limits.ts'
import type { RequestTrust } from './request-trust.ts'

export interface RunningRequest {
  readonly id: string
  /** 0: somebody asked it; one more for each delegation. */
  readonly depth: number
  readonly asker: Asker
  readonly model: ChatModel | null
  /** What it was given, and what those above it were given. */
  readonly leases: readonly Lease[]
  readonly limits: LoopLimits
  readonly deadline: Deadline
  readonly budget: TokenBudget
  readonly trust: RequestTrust
  readonly approvals: 'wait' | 'refuse'
  readonly seesPrivate: boolean
  readonly signal: AbortSignal
  onEvent(event: AgentEvent): void
}

const MAX_DEPTH = 2

function refuse(message: string): never {
  throw new VillageError('AGENT_LEASE_INVALID', message)
}

/**
 * The request that a lease was made for; null for one that nobody delegates. A member's request may carry a lease of its own: it
 * narrows, and has nobody above. Throws AGENT_LEASE_INVALID.
 */
export function parentOf(
  { lease, asker, agent }: Pick<AgentRequest, 'lease' | 'asker' | 'agent'>,
  running: ReadonlyMap<string, RunningRequest>,
  nowMs: number,
): RunningRequest | null {
  if (lease === undefined) return null
  if (lease.agent !== agent) refuse('The lease is for another agent')
  if (lease.expiresAtMs <= nowMs) refuse('The lease has expired')
  const parent = running.get(lease.parent)
  if (parent === undefined)
    return asker.kind === 'member' ? null : refuse('The request of the lease has ended')
  if (parent.asker.kind !== asker.kind || parent.asker.id !== asker.id)
    refuse('The lease was made for another asker')
  if (SCOPES.indexOf(asker.scope) > SCOPES.indexOf(parent.asker.scope))
    refuse('The lease does not widen the scope of its asker')
  if (parent.depth >= MAX_DEPTH) refuse(`A request is delegated at most ${MAX_DEPTH} times`)
  return parent
}

/** What a delegated request may use: of the lease, and of what its parent has left. */
export function leasedLimits(
  lease: Lease,
  parent: RunningRequest | null,
  nowMs: number,
): Partial<LoopLimits> {
  const ms = Math.min(lease.limits.ms, lease.expiresAtMs - nowMs, parent?.deadline.leftMs() ?? Infinity)
  const tokens = Math.min(lease.limits.tokens, parent?.budget.left() ?? Infinity)
  return { ...lease.limits, ms: Math.max(1, Math.floor(ms)), tokens: Math.max(1, tokens) }
}
