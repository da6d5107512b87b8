/** How long, how often and how much: the bounds of a request, and what of them is used up. */
import { VillageError } from '../../errors.ts'
import type { LoopLimits } from '../agent.ts'
import type { ChatUsage } from '../chat/chat-model.ts'

export const NO_USAGE: ChatUsage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }

export function addUsage(a: ChatUsage, b: ChatUsage | null): ChatUsage {
  if (b === null) return a
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    completionTokens: a.completionTokens + b.completionTokens,
  }
}

/** What a member says that it used: taken for true up to what a request may use, so that no member empties a quota. */
export function claimedUsage(claimed: ChatUsage, maxTokens: number): ChatUsage {
  const completionTokens = Math.min(claimed.completionTokens, maxTokens)
  const promptTokens = Math.min(claimed.promptTokens, maxTokens - completionTokens)
  return { promptTokens, completionTokens, cachedTokens: Math.min(claimed.cachedTokens, promptTokens) }
}

/** The smaller of each: a wish never widens what it is taken from. Throws INVALID_ARGUMENT for what is no positive whole number. */
export function narrowLimits(limits: LoopLimits, wished: Partial<LoopLimits> = {}): LoopLimits {
  const least = (name: keyof LoopLimits): number => {
    const value = wished[name]
    if (value === undefined) return limits[name]
    if (!Number.isSafeInteger(value) || value < 1)
      throw new VillageError('INVALID_ARGUMENT', `limits.${name} must be a whole number of at least 1`, {
        fields: { field: `limits.${name}` },
      })
    return Math.min(limits[name], value)
  }
  return { turns: least('turns'), ms: least('ms'), tokens: least('tokens'), repeats: least('repeats') }
}

/** Tokens of a request and of those that it delegates: what a step uses is used of every one above it. */
export interface TokenBudget {
  left(): number
  /** With what steps used that were delegated. */
  used(): ChatUsage
  take(usage: ChatUsage | null): void
}

export function createTokenBudget(
  tokens: number,
  above: TokenBudget | null = null,
  onTake: (usage: ChatUsage) => void = () => {},
): TokenBudget {
  let used = NO_USAGE
  return {
    left: () =>
      Math.min(tokens - used.promptTokens - used.completionTokens, above?.left() ?? Number.POSITIVE_INFINITY),
    used: () => used,
    take(usage) {
      if (usage === null) return
      used = addUsage(used, usage)
      above?.take(usage)
      onTake(usage)
    },
  }
}
