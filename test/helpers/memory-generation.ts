/** Generation and embedding in memory: text from a fixed rule instead of a model, with the real codes and events. */
import type { ApiComponents } from '../../node/api/components.ts'
import type { ModelEntry } from '../../node/compute/models/model-entry.ts'
import { VillageError } from '../../node/errors.ts'
import { createHistogram } from '../../node/histogram.ts'

/** The answer repeats the words of the prompt, a token each, until the limit. */
export function memoryGeneration(
  models: ReadonlyMap<string, ModelEntry>,
): Pick<ApiComponents, 'generation' | 'embedding'> {
  const totals = { requests: 0, promptTokens: 0, completionTokens: 0 }
  function need(id: string): ModelEntry {
    const entry = models.get(id)
    if (entry === undefined) throw new VillageError('MODEL_UNKNOWN')
    return entry
  }
  return {
    generation: {
      async generate(id, request, signal, onToken) {
        const entry = need(id)
        if (entry.kind === 'encoder') throw new VillageError('MODEL_NOT_LANGUAGE')
        const { prompt, maxTokens } = request
        const words = prompt.kind === 'text' ? prompt.text.split(' ') : ['what', 'was', 'said']
        let text = ''
        for (let token = 0; token < maxTokens; token++) {
          await new Promise((resolve) => setImmediate(resolve))
          signal.throwIfAborted()
          const word = `${words[token % words.length]} `
          text += word
          onToken?.({ token, text: word })
        }
        totals.requests += 1
        totals.promptTokens += words.length
        totals.completionTokens += maxTokens
        return {
          text,
          tokens: Array.from({ length: maxTokens }, (_, token) => token),
          finish: 'length',
          cachedTokens: 0,
          promptTokens: words.length,
          tokenTexts: {},
        }
      },
      stats: () => ({
        ...{ ...totals, loaded: [], residentBytes: 0, active: 0 },
        ...{ requestSeconds: createHistogram().read(), firstTokenSeconds: createHistogram().read() },
      }),
    },
    embedding: {
      async embed(id, texts) {
        const entry = need(id)
        if (entry.kind !== 'encoder') throw new VillageError('MODEL_NOT_ENCODER')
        return {
          dims: 2,
          vectors: Float32Array.from(texts.flatMap((text) => [text.length, 1])),
          tokens: Int32Array.from(texts, (text) => text.split(' ').length),
          truncated: new Uint8Array(texts.length),
        }
      },
    },
  }
}
