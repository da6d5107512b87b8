/** Who decides what comes next in the loop: rules (no model), or a language model. */
import type { JsonObject } from '../../json.ts'
import type { ChatMessage, ChatUsage } from '../chat/chat-model.ts'
import type { EvidencePack } from '../evidence.ts'
import type { ToolResult } from '../tools/tool.ts'

export interface PlannedCall {
  readonly tool: string
  readonly arguments: JsonObject
  /** Why, for the decision log: one sentence of the policy's own, never text of a tool. */
  readonly reason: string
  /** Why it cannot be made, as the policy knows before; the loop refuses it, with its line in the audit log. */
  readonly problem?: string
}

export interface Observation {
  readonly call: PlannedCall
  /** What came of it; an error has its code, a message and what to do about it. */
  readonly outcome:
    | { readonly kind: 'result'; readonly result: ToolResult }
    | { readonly kind: 'error'; readonly code: string; readonly message: string }
    | { readonly kind: 'refused'; readonly reason: string }
}

export type Action =
  | { readonly kind: 'call'; readonly calls: readonly PlannedCall[] }
  | { readonly kind: 'answer'; readonly text: string; readonly evidence?: EvidencePack }

export interface PolicyStep {
  /** The conversation that was asked with; its last message is the asker's. */
  readonly messages: readonly ChatMessage[]
  /** Everything that was done so far, in order. */
  readonly observations: readonly Observation[]
}

export interface Policy {
  /** Id of the language model that decides; null: rules. */
  readonly model: string | null
  /** What comes next. `onText` streams the text of an answer as it is made. Throws VillageError and the signal's reason. */
  next(
    step: PolicyStep,
    signal: AbortSignal,
    onText: (text: string) => void,
  ): Promise<{ readonly action: Action; readonly usage: ChatUsage | null }>
}
