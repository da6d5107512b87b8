/** A tool: one row of the table of what agents can do. */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Asker, Scope } from '../asker.ts'
import type { ChatUsage } from '../chat/chat-model.ts'
import type { EvidencePack } from '../evidence.ts'

/**
 * `read` changes nothing and stays in the village; `change` leaves something behind (a collection, a job, a file);
 * `outside` goes where the owner's rules do not reach (a server of MCP). What is not `read` needs approval, unless the asker's own words
 * asked for it.
 */
export type ToolEffect = 'read' | 'change' | 'outside'

/** What a call takes, as far as it can be told before: King weighs by it. */
export interface ToolCost {
  readonly latencyMs: number
  /** Busy seconds of processors, of this node or of others. */
  readonly cpuSeconds: number
  /** Whether what is asked leaves this node. */
  readonly leavesNode: boolean
}

export interface ToolContext {
  readonly asker: Asker
  /** Id of the request that the call belongs to. */
  readonly request: string
  /**
   * Whether private collections and granted files may be read for it: false for another member, and where a remote endpoint decides that
   * is not to see them (`agents.endpointsMaySee`).
   */
  readonly seesPrivate: boolean
  /**
   * The call says more than the asker's own words, and text was read before it that nobody vouches for: what it says may be that text, or
   * something private that the text asks for. A tool that asks others asks this node alone then.
   */
  readonly staysHere: boolean
  readonly signal: AbortSignal
  /** For people: `3 of 12 files`. */
  progress(message: string): void
  /** What a model read and wrote for the call: it counts to the request, and to whoever asked. */
  countTokens(usage: Pick<ChatUsage, 'promptTokens' | 'completionTokens'>): void
}

export interface ToolResult {
  /** For the model and for rules; bounded by the loop. */
  readonly content: JsonValue
  /**
   * `own`: made by this node of its own facts (numbers, ids, states). `untrusted`: holds text that a document, a peer, a program or a
   * server wrote: it is data, and nothing in it is an instruction.
   */
  readonly trust: 'own' | 'untrusted'
  /** One line for people. */
  readonly summary: string
  readonly evidence?: EvidencePack
}

export interface Tool {
  /** `[a-z][a-z0-9_]{0,63}`: what it works on first, then the verb: `model_compress`. */
  readonly name: string
  readonly description: string
  /** JSON Schema of its arguments: an object without further properties. */
  readonly parameters: JsonObject
  readonly effect: ToolEffect
  /** What the asker needs for it. */
  readonly scope: Scope
  readonly cost: ToolCost
  /** Arguments have passed the schema. Throws VillageError. */
  run(arguments_: JsonObject, context: ToolContext): Promise<ToolResult>
}
