/** Sage: retrieves, weighs evidence, answers with citations, or says that it does not know. */
import type { AgentRow } from '../agent.ts'
import type { ChatMessage } from '../chat/chat-model.ts'

export const ASK = 'knowledge_ask'
const MAX_QUESTION_UNITS = 2_000

export const askerTurns = (messages: readonly ChatMessage[]): string[] =>
  messages
    .filter(({ role }) => role === 'user')
    .map(({ content }) => content.trim().slice(0, MAX_QUESTION_UNITS))
    .filter((turn) => turn !== '')

export const SAGE: AgentRow = {
  name: 'sage',
  description:
    'Answers questions out of the collections of this node and of the village, with citations and a calibrated confidence, or says that it does not know.',
  tools: [ASK, 'knowledge_search', 'knowledge_collections', 'time_now'],
  async intended(messages) {
    const [{ isInterrogative }, { withoutPoliteness }] = await Promise.all([
      import('../rag/answers/interrogative.ts'),
      import('./plan-question.ts'),
    ])
    const last = askerTurns(messages).at(-1)
    if (last === undefined || !isInterrogative(withoutPoliteness(last))) return []
    return [ASK, 'knowledge_search', 'knowledge_collections'].map((tool) => ({
      ...{ tool, arguments: {}, made: [] },
      open: ['question', 'query', 'former'],
    }))
  },
  async policy(init) {
    const { sagePolicy } = await import('./sage-policy.ts')
    return sagePolicy(init)
  },
}
