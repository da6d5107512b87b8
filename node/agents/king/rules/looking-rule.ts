/** Questions about the node that no other rule knows: the tool whose examples they are likest. */
import { lookTool } from '../look-tool.ts'
import { call, type Rule } from './rule.ts'
import { SHOWS } from './work-rules.ts'

const OF_TIME =
  /(?:^| )(?:day|date|month|year|late|weekday|monday|tuesday|wednesday|thursday|friday|saturday|sunday)(?: |$)/

export const looking: Rule = ({ clause, verb, state }) => {
  // What is said of a step before, or of a thing that is named elsewhere, is not about the node.
  if (
    !OF_TIME.test(clause.line) &&
    /(?:^| )(?:it|its|that|this(?! (?:node|machine|village|computer))|they|them|one)(?: |$)/.test(clause.line)
  )
    return null
  if (clause.mood === 'order' && (state.drafts.length > 0 || !SHOWS.test(verb ?? ''))) return null
  const tool = lookTool(clause)
  return tool === null ? null : call(tool, {}, 'It is a question about this node.')
}
