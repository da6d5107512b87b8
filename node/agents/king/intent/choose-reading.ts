/**
 * Between what the rules make of a clause and what it is likest for. A rule that knows the turn of phrase is right nearly always; where rules only fall back to
 * the documents, or give nothing, the likest tool reads the clause. How sure it must be was chosen on goals of writers that it was not trained on
 * (docs/king.md).
 */
import { TELLS, WANTS } from '../phrases.ts'
import { FRAMES } from '../rules/frames.ts'
import type { Outcome, RuleInput } from '../rules/rule.ts'
import { type Intent, intentOf, NOTHING_ASKED } from './clause-intent.ts'

/** Where no rule knows the clause, or one only falls back. */
const LIKELY = 0.5
/** Against a rule that only falls back, for nothing at all. */
const SURELY_NOTHING = 0.5
/** Against a rule that names another tool, which must then be as unlikely as `UNLIKELY`. */
const SURE = 0.9
const UNLIKELY = 0.02

const FALLS_BACK = /^knowledge_(?:ask|search)$/
const toolsOf = (outcome: Outcome | null): readonly string[] =>
  outcome !== null && 'calls' in outcome ? outcome.calls.map(({ tool }) => tool) : []

/** A statement orders nothing, unless it says that something is wanted. */
const isOrder = ({ mood, words, line }: RuleInput['clause']): boolean =>
  mood !== 'statement' || WANTS.test(line) || words.some(({ form }) => form === 'plain') || !TELLS.test(line)
/** Rules take any name for a model; an id of a job or a name that the node has no model of is read again. */
const isDoubtful = (outcome: Outcome | null, words: RuleInput['clause']['words']): boolean =>
  outcome !== null &&
  'calls' in outcome &&
  outcome.calls.some(
    ({ tool, arguments: given }) =>
      /^model_(?:inspect|evaluate|generate)$/.test(tool) &&
      typeof given.model === 'string' &&
      words.some(
        ({ text, own, declared }) => text === given.model && own === undefined && declared === undefined,
      ),
  )

/** `ruled`: null where no rule knows the clause. */
export function chooseReading(ruled: Outcome | null, input: RuleInput): Outcome | null {
  // More arguments of the last step, or what comes with it anyway.
  if (ruled !== null && ('amends' in ruled || ('calls' in ruled && ruled.calls.length === 0))) return ruled
  const intent = intentOf(input.clause)
  const tools = toolsOf(ruled)
  if (tools.includes(intent.tool) || !contradicts(intent, isDoubtful(ruled, input.clause.words) ? [] : tools))
    return ruled
  if (intent.tool === NOTHING_ASKED) return null
  if (!isOrder(input.clause)) return ruled
  const outcome = FRAMES[intent.tool]?.(input) ?? null
  return outcome !== null && 'calls' in outcome ? { ...outcome, isGuess: true } : ruled
}

function contradicts({ tool, share, shareOf }: Intent, tools: readonly string[]): boolean {
  const [first] = tools
  if (first !== undefined && !FALLS_BACK.test(first))
    return tool !== NOTHING_ASKED && !FALLS_BACK.test(tool) && share >= SURE && shareOf(first) <= UNLIKELY
  // Either reads what documents say.
  if (first !== undefined && FALLS_BACK.test(tool)) return share >= SURE
  return share >= (tool === NOTHING_ASKED ? SURELY_NOTHING : LIKELY)
}

/** Whether a clause is likely about one model, though it names none. */
export function isForModel(clause: RuleInput['clause']): boolean {
  const { tool, share } = intentOf(clause)
  return share >= LIKELY && /^model_(?:inspect|evaluate|compare)$/.test(tool)
}
