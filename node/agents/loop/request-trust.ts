/** What a request rests on: the asker's words, what they ask for, and whether anything else has been read since. */
import type { JsonObject } from '../../json.ts'
import type { ChatMessage } from '../chat/chat-model.ts'
import type { Tool, ToolResult } from '../tools/tool.ts'
import { answersWords, type CallGround } from './decide-call.ts'
import type { IntendedCall } from './intended-call.ts'
import { createOwnValues, type OwnValues } from './own-values.ts'

export interface RequestTrust {
  /** A turn begins: what is decided in it is decided on what had been read until now. */
  beginTurn(): void
  ground(): CallGround
  /** A call was made and gave this; an error of a tool that asks others may carry their words. */
  noteResult(tool: Tool, result: ToolResult | null): void
  /** What was delegated has read untrusted text, whatever its answer says of itself. */
  taint(): void
  isTainted(): boolean
  /** For a request that this one delegates: the same words and intent, and what was read so far. */
  delegate(): RequestTrust
}

/**
 * Where the rules understand nothing at all (another language, a half sentence), it is taken for a question: looking into the knowledge
 * is then what the asker wants.
 */
const ASKING: readonly IntendedCall[] = ['knowledge_ask', 'knowledge_search', 'knowledge_collections'].map(
  (tool) => ({ tool, arguments: {}, made: [], open: [] }),
)

export const wordsOf = (messages: readonly ChatMessage[]): ChatMessage[] =>
  messages.filter(({ role }) => role === 'user')

/** Earlier answers and results of tools in a conversation may quote anything: the asker handed them in, but did not write them. */
const holdsOthersText = (messages: readonly ChatMessage[]) =>
  messages.some(({ role }) => role === 'assistant' || role === 'tool')

interface Init {
  readonly words: string
  readonly intended: readonly IntendedCall[]
  readonly isTainted: boolean
  readonly isOwnHistory: boolean
  readonly usedBefore: ReadonlySet<string>
  readonly own: OwnValues
}

function createTrust({ words, intended, usedBefore, own, ...before }: Init): RequestTrust {
  let { isTainted, isOwnHistory } = before
  let isTurnTainted = isTainted
  let isTurnOwnHistory = isOwnHistory
  const used = new Set(usedBefore)
  function taint(): void {
    isTainted = true
    isOwnHistory = false
  }
  return {
    beginTurn() {
      isTurnTainted = isTainted
      isTurnOwnHistory = isOwnHistory
    },
    ground: () => ({
      ...{ intended, words, isTainted: isTurnTainted, isOwnHistory: isTurnOwnHistory },
      ...{ usedBefore: used, own },
    }),
    noteResult(tool, result) {
      if (!isTurnTainted) used.add(tool.name)
      if (result?.trust === 'own') {
        if (tool.effect !== 'read') own.add(result.content)
        // Numbers and words of a calculation are whoever's that asked for it.
        else if (!answersWords(tool)) own.add(result.content, 'texts')
      } else if (result !== null || tool.effect === 'outside' || tool.cost.leavesNode) taint()
    },
    taint,
    isTainted: () => isTainted,
    delegate: () => createTrust({ words, intended, isTainted, isOwnHistory, usedBefore: used, own }),
  }
}

/**
 * `options`: settings of the request, which the asker gave as much as the words. `isKept`: the earlier answers are this node's own, in a
 * conversation that it keeps; else whoever asks may have written them.
 */
export function createRequestTrust(
  messages: readonly ChatMessage[],
  intended: readonly IntendedCall[],
  { options = {}, isKept = false }: { options?: JsonObject; isKept?: boolean } = {},
): RequestTrust {
  const own = createOwnValues()
  own.add(options)
  const asked = wordsOf(messages)
  const isTainted = holdsOthersText(messages)
  return createTrust({
    words: asked.map(({ content }) => content).join('\n'),
    intended: intended.length === 0 ? ASKING : intended,
    isTainted,
    isOwnHistory: isTainted && isKept && messages.every(({ role }) => role !== 'tool'),
    usedBefore: new Set(),
    own,
  })
}
