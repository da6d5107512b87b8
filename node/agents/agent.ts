/** An agent is a row: what it is for, which tools it may use, and how it decides. */
import type { JsonObject } from '../json.ts'
import type { Asker } from './asker.ts'
import type { ChatMessage, ChatModel, ChatUsage, ToolDeclaration } from './chat/chat-model.ts'
import type { EvidencePack } from './evidence.ts'
import type { IntendedCall } from './loop/intended-call.ts'
import type { Observation, Policy } from './loop/policy.ts'
import type { OwnNames } from './own-names.ts'

export type AgentName = 'king' | 'sage' | 'magi'

export interface LoopLimits {
  readonly turns: number
  readonly ms: number
  /** Of prompts and answers together. */
  readonly tokens: number
  /** Equal calls (same tool, same arguments) in one request. */
  readonly repeats: number
}

/** What an agent was given by another to do a step: a scope that is not wider than the giver's, until a time. */
export interface Lease {
  readonly id: string
  /** Id of the request that it was made for. */
  readonly parent: string
  readonly agent: AgentName
  /** Tools that the step may use, of those the agent has. */
  readonly tools: readonly string[]
  readonly limits: LoopLimits
  readonly expiresAtMs: number
}

export interface AgentRequest {
  readonly agent: AgentName
  readonly messages: readonly ChatMessage[]
  readonly asker: Asker
  /** `kept`: earlier answers in `messages` are of this node, in a conversation that it keeps. Else they may be anybody's. */
  readonly history?: 'kept'
  /** Id of a chat model; null: rules; absent: what is configured. */
  readonly model?: string | null
  /** Where to search, and other settings of the step; the agent's row says which it knows. */
  readonly options?: JsonObject
  readonly limits?: Partial<LoopLimits>
  readonly lease?: Lease
  /** `wait`: calls that need approval wait for a decision; `refuse`: nobody is there to decide. */
  readonly approvals?: 'wait' | 'refuse'
}

export type AgentEvent =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'plan'; readonly steps: readonly { readonly tool: string; readonly reason: string }[] }
  | {
      readonly kind: 'call'
      readonly call: string
      readonly agent: AgentName
      readonly tool: string
      readonly arguments: JsonObject
    }
  | { readonly kind: 'progress'; readonly call: string; readonly message: string }
  | {
      readonly kind: 'result'
      readonly call: string
      readonly state: 'done' | 'failed' | 'refused'
      readonly summary: string
    }
  | {
      readonly kind: 'approval'
      readonly approval: string
      readonly call: string
      readonly tool: string
      readonly arguments: JsonObject
      readonly expiresAtMs: number
    }

export interface AgentAnswer {
  /** Id of the request. */
  readonly id: string
  readonly agent: AgentName
  /** Peer ID of the node that answered. */
  readonly node: string
  /** The chat model that decided; null: rules. */
  readonly model: string | null
  readonly text: string
  /** `turns`, `time`, `tokens`, `repeats`: the bound that ended it before it was done. */
  readonly finish: 'answer' | 'turns' | 'time' | 'tokens' | 'repeats'
  readonly evidence: EvidencePack | null
  readonly observations: readonly Observation[]
  /** With that of the steps that it delegated on this node. */
  readonly usage: ChatUsage
  readonly turns: number
  readonly tookMs: number
}

/** Makes the policy of one request. `tools`: those that this request may use, fixed before anything is read. */
export interface PolicyInit {
  /** Of the request: decision logs name it. */
  readonly id: string
  readonly request: AgentRequest
  readonly model: ChatModel | null
  readonly tools: readonly string[]
  /** What words of the asker may mean by its name. */
  readonly own: OwnNames
  /** Of the same tools, for a model. */
  readonly declarations: readonly ToolDeclaration[]
}

export interface AgentRow {
  readonly name: AgentName
  /** For people and for cards. */
  readonly description: string
  /** Names of tools; what is not listed is denied. `mcp_*` stands for tools of servers of the configuration. */
  readonly tools: readonly string[]
  /**
   * Calls that the asker's own words ask for, as the agent's own rules read them; beside those of King's rules. Pure: it sees the
   * asker's messages alone.
   */
  intended?(messages: readonly ChatMessage[]): readonly IntendedCall[] | Promise<readonly IntendedCall[]>
  /** Throws AGENT_OPTION_INVALID. */
  policy(init: PolicyInit): Policy | Promise<Policy>
}
