/** What an agent's answer has that OpenAI's API has no place for: the field `village` of answers, and citations. */
import type { AgentAnswer } from '../../agents/agent.ts'
import type { EvidenceItem } from '../../agents/evidence.ts'
import type { Observation } from '../../agents/loop/policy.ts'

export interface Citation {
  readonly item: EvidenceItem
  /** UTF-16 offsets of `[n]` in the answer. */
  readonly start: number
  readonly end: number
}

/** Where the answer's text cites its evidence. */
export function citationsOf(answer: AgentAnswer | null, text: string): Citation[] {
  const items = new Map((answer?.evidence?.items ?? []).map((item) => [item.number, item]))
  return [...text.matchAll(/\[(\d{1,4})\]/g)].flatMap((match) => {
    const item = items.get(Number(match[1]))
    return item === undefined ? [] : [{ item, start: match.index, end: match.index + match[0].length }]
  })
}

/** Names a passage: no address that a browser opens, for documents lie on nodes. */
export const passageUrl = ({ collection, document, start, end }: EvidenceItem): string =>
  `village:${encodeURIComponent(collection)}/${encodeURIComponent(document)}#${start}-${end}`

function actionOf({ call, outcome }: Observation): object {
  const { tool, reason, arguments: given } = call
  if (outcome.kind === 'result')
    return { tool, arguments: given, reason, state: 'done', summary: outcome.result.summary }
  if (outcome.kind === 'error')
    return { tool, arguments: given, reason, state: 'failed', summary: `${outcome.code}: ${outcome.message}` }
  return { tool, arguments: given, reason, state: 'refused', summary: outcome.reason }
}

export function answerExtension(answer: AgentAnswer): object {
  const { id, agent, node, model, finish, evidence, observations, turns, tookMs } = answer
  return {
    request: id,
    agent,
    node,
    model,
    finish,
    turns,
    tookMs,
    actions: observations.map(actionOf),
    evidence:
      evidence === null
        ? null
        : {
            question: evidence.question,
            confidence: evidence.confidence,
            threshold: evidence.threshold,
            isFound: evidence.isFound,
            missing: evidence.missing,
            items: evidence.items,
          },
  }
}
