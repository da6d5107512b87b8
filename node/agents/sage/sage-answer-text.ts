/** What Sage says: the answer, that it does not know and what comes nearest, or why it could not look. */
import type { EvidencePack } from '../evidence.ts'
import type { Observation } from '../loop/policy.ts'

export interface SageText {
  readonly text: string
  readonly evidence?: EvidencePack
}

const NEAREST = 3
const MAX_NAME_UNITS = 120

const named = ({ title, source }: EvidencePack['items'][number]): string =>
  (title === null || title === '' ? source : `${title} (${source})`)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .slice(0, MAX_NAME_UNITS)

function unknownText({ items, missing }: EvidencePack): string {
  const lines = ['I don’t know: the collections do not hold an answer to that, as far as I can tell.']
  const names = [...new Set(items.map(named))].slice(0, NEAREST)
  if (names.length > 0) lines.push(`What comes nearest: ${names.join('; ')}.`)
  if (missing.length > 0)
    lines.push('Parts of the collections did not answer, so it may be there all the same.')
  return lines.join(' ')
}

function foundText(evidence: EvidencePack): string {
  const { answer, missing } = evidence
  const lines = [answer?.text ?? evidence.items.map(({ text, number }) => `${text} [${number}]`).join('\n')]
  if (missing.length > 0) lines.push('Parts of the collections did not answer.')
  return lines.join('\n\n')
}

/** Undefined: the tool that it asks is not in the grant. */
export function answerOf(observation: Observation | undefined): SageText {
  if (observation === undefined) return { text: 'I may not search the collections for this request.' }
  const { outcome } = observation
  if (outcome.kind === 'refused')
    return { text: `I was not allowed to search the collections: ${outcome.reason}` }
  if (outcome.kind === 'error')
    return { text: `I could not search the collections: ${outcome.message} (${outcome.code})` }
  const { evidence } = outcome.result
  if (evidence === undefined) return { text: outcome.result.summary }
  return { text: evidence.isFound ? foundText(evidence) : unknownText(evidence), evidence }
}
