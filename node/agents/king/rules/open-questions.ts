/** Questions that no tool of the node answers by itself: what would be, and what a step before tells anyway. */
import { asking } from './knowledge-rules.ts'
import { NOTHING_MORE, type Rule } from './rule.ts'

/** `what would happen if I cancelled job 7f?`: nothing of the node tells. */
export const supposing: Rule = (input) =>
  input.clause.mood === 'question' &&
  /^what (?:would|will|could|might) happen (?:to|with|if)(?: |$)/.test(input.clause.line)
    ? asking(input)
    : null

/** `has it been compressed before, and if so with which codec?`: what the step before shows tells that too. */
export const askingFurther: Rule = ({ clause: { line, mood }, state }) => {
  const last = state.drafts.at(-1)?.tool
  return mood === 'question' && last !== undefined && !/^knowledge_/.test(last) && IF_SO.test(line)
    ? NOTHING_MORE
    : null
}
const IF_SO =
  /^if (?:so|yes|it (?:is|was|have|do|did))(?: ,)? (?:(?:with|by|in|at|to|for|since|from) )?(?:what|which|how|when|who|whom|why|where)(?: |$)/
