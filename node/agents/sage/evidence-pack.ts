/** An answer as evidence: what other agents and programs get of it. */
import type { EvidencePack } from '../evidence.ts'
import type { Answer } from '../rag/answers/answer.ts'

export function evidencePack(answer: Answer): EvidencePack {
  return {
    question: answer.question,
    queries: answer.queries,
    items: answer.sources.map((source) => {
      const { number, collection, document, title, page, headings, start, end, text, score } = source
      const { vouchedBy, segment, chunk } = source
      return {
        ...{ number, collection, document, title, source: source.source, page, headings },
        ...{ start, end, text, score, vouchedBy, passage: { segment, chunk } },
      }
    }),
    confidence: answer.confidence,
    threshold: answer.threshold,
    isFound: answer.isFound,
    missing: [...new Set(answer.missing.map(({ collection, reason }) => `${collection}: ${reason}`))],
    answer,
  }
}
