/**
 * What the span of a generation says, by the semantic conventions for generative AI of OpenTelemetry: numbers and names, never the
 * prompt or the text.
 */
import type { SpanAttributes } from '../../tracing.ts'
import type { Completion } from './engine-messages.ts'

export const generationAttributes = (model: string, maxTokens: number): SpanAttributes => ({
  'gen_ai.operation.name': 'text_completion',
  'gen_ai.provider.name': 'village',
  'gen_ai.request.model': model,
  'gen_ai.request.max_tokens': maxTokens,
})

export const completionAttributes = ({ promptTokens, cachedTokens, tokens, finish }: Completion) => ({
  'gen_ai.usage.input_tokens': promptTokens,
  'gen_ai.usage.cache_read.input_tokens': cachedTokens,
  'gen_ai.usage.output_tokens': tokens.length,
  'gen_ai.response.finish_reasons': [finish],
})
