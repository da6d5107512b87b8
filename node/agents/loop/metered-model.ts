/** A chat model that knows what it took when nobody is told: a turn that fails or is left half-way has been read and written all the same. */
import type { ChatModel, ChatRequest, ChatUsage } from '../chat/chat-model.ts'
import { inChatSpan } from './agent-spans.ts'
import { addUsage, NO_USAGE } from './limits.ts'

export interface MeteredModel {
  readonly model: ChatModel
  /** What it took since it was last asked; of a turn without an end an estimate. */
  take(): ChatUsage
}

interface Turn {
  readonly promptBytes: number
  writtenBytes: number
}

/** Bytes of a token, roughly. */
const TOKEN_BYTES = 3

const tokensOf = (sizeBytes: number) => Math.ceil(sizeBytes / TOKEN_BYTES)
const sizeOf = ({ messages, tools }: ChatRequest) =>
  Buffer.byteLength(JSON.stringify([messages, tools ?? []]))

const estimate = ({ promptBytes, writtenBytes }: Turn): ChatUsage => ({
  promptTokens: tokensOf(promptBytes),
  cachedTokens: 0,
  completionTokens: tokensOf(writtenBytes),
})

export function meteredModel(inner: ChatModel): MeteredModel {
  const open = new Set<Turn>()
  let taken = NO_USAGE
  const { id, place, contextTokens } = inner
  return {
    model: {
      ...{ id, place, contextTokens },
      countTokens: (text) => inner.countTokens(text),
      async respond(request, signal, onDelta) {
        const turn: Turn = { promptBytes: sizeOf(request), writtenBytes: 0 }
        open.add(turn)
        try {
          const reply = await inChatSpan(inner, () =>
            inner.respond(request, signal, (delta) => {
              turn.writtenBytes += Buffer.byteLength(delta.kind === 'call' ? delta.name : delta.text)
              onDelta?.(delta)
            }),
          )
          // One that was counted while it went on is not counted again.
          if (open.has(turn)) taken = addUsage(taken, reply.usage)
          return reply
        } catch (error) {
          // What was refused before it began took nothing.
          if (open.has(turn) && (signal.aborted || turn.writtenBytes > 0))
            taken = addUsage(taken, estimate(turn))
          throw error
        } finally {
          open.delete(turn)
        }
      },
    },
    take() {
      const usage = [...open].reduce((sum, turn) => addUsage(sum, estimate(turn)), taken)
      open.clear()
      taken = NO_USAGE
      return usage
    },
  }
}
