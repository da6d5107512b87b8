/** A model to talk to in memory: it says the last message again, a word at a time. */
import type { ChatModel } from '../../node/agents/chat/chat-model.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'

const ECHO: ChatModel = {
  id: 'echo',
  place: 'local',
  contextTokens: 4_096,
  countTokens: (text) => text.split(/\s+/).length,
  async respond({ messages }, signal, onDelta) {
    const text = messages.at(-1)?.content ?? ''
    const words = text.match(/\S+\s*/g) ?? []
    for (const word of words) {
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
      onDelta?.({ kind: 'text', text: word })
    }
    const usage = { promptTokens: words.length, cachedTokens: 0, completionTokens: words.length }
    return { model: 'echo', text, toolCalls: [], finish: 'stop', usage }
  },
}

export function memoryChatModels(models: readonly ChatModel[] = [ECHO]): ApiComponents['chatModels'] {
  return {
    list: async () => models.map(({ id, place }) => ({ id, place, isExperimental: false })),
    async need(id) {
      const model = models.find((candidate) => candidate.id === id)
      if (model === undefined)
        throw new VillageError('CHAT_MODEL_UNKNOWN', undefined, { fields: { field: 'model' } })
      return model
    },
  }
}
