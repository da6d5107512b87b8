/**
 * Between what the rules make of a clause and what it is likest for. A rule that knows the turn of phrase is right nearly always; where rules only fall back to
 * the documents, or give nothing, the likest tool reads the clause. How sure it must be was chosen on goals of writers that it was not trained on
 * (docs/king.md).
 */
import { isFunctionWord } from '../../rag/answers/function-words.ts'
import { isChange } from '../changes.ts'
import { isEveryday, knownWord } from '../lexicon.ts'
import { isOwnMatter } from '../own-matters.ts'
import { hasSubject, TELLS, WANTS } from '../phrases.ts'
import { referencesIn } from '../plan.ts'
import { FRAMES } from '../rules/frames.ts'
import type { Outcome, RuleInput } from '../rules/rule.ts'
import { codecsOf } from '../slots.ts'
import { type Intent, intentOf, NOTHING_ASKED } from './clause-intent.ts'

/** Where no rule knows the clause, or one only falls back. */
const LIKELY = 0.5
/** The same, for what changes something. */
const LIKELY_CHANGE = 0.7
/** For a statement that begins with a verb that no rule knows; it waits for a yes. */
const LIKELY_ORDER = 0.8
/** Against a rule that only falls back, for nothing at all. */
const SURELY_NOTHING = 0.5
/** Against a rule that names another tool, which must then be as unlikely as `UNLIKELY`. */
const SURE = 0.9
const UNLIKELY = 0.02

const FALLS_BACK = /^knowledge_(?:ask|search)$/
const toolsOf = (outcome: Outcome | null): readonly string[] =>
  outcome !== null && 'calls' in outcome ? outcome.calls.map(({ tool }) => tool) : []

/** Needs no object: a question that has words of its own is seldom about the node. */
const LOOKS_AROUND = /^(?:node_status|time_now|(?:member|job|model|round)_list|knowledge_collections)$/

/** Read by what steps before it make, which the clause alone does not tell. */
const isOfSteps = (outcome: Outcome | null): boolean =>
  outcome !== null &&
  'calls' in outcome &&
  outcome.calls.some(({ arguments: given }) =>
    Object.values(given).some((value) => referencesIn(value).length > 0),
  )

const ONLY_MEASURES = /^(?:model_evaluate|geometry_measure|code_run)$/
const isClearQuestion = ({ mood, words }: RuleInput['clause']): boolean =>
  mood === 'question' && words.length > 3

/**
 * A statement orders nothing, unless it says that something is wanted, begins with a verb that no rule knows (`pop ~/rules into the handbook`), or is a
 * few words that name how.
 */
const isOrder = (clause: RuleInput['clause'], { tool, share }: Intent): boolean => {
  const { mood, words, line } = clause
  if (mood !== 'statement' || WANTS.test(line) || words.some(({ form }) => form === 'plain')) return true
  if (!isChange(tool)) return share >= SURE || !TELLS.test(line)
  if (TELLS.test(line)) return false
  // `quality figures for a and b`: what is to be measured is named.
  if (ONLY_MEASURES.test(tool) && share >= LIKELY_CHANGE && words.length > 2) return true
  return (
    namesHow(clause) ||
    (share >= LIKELY_ORDER && words.length > 2 && mayBeVerb(words[0]!) && !hasSubject(clause))
  )
}

/** `encoder to int8`, `a ties merge of both`. */
const namesHow = ({ words, line }: RuleInput['clause']): boolean =>
  !TELLS.test(line) && (codecsOf(words).length > 0 || words.some(({ norm }) => norm.endsWith('-doing')))

const mayBeVerb = ({ kind, lower }: RuleInput['clause']['words'][number]): boolean =>
  kind === 'word' && !isEveryday(lower) && !isFunctionWord(lower, ['en']) && knownWord(lower)?.kind !== 'noun'

/** Verbs that only look. */
const LOOKS =
  /^(?:list|show|tell|find|look|display|explain|describe|say|ask|search|see|check|what|which|how|who|when|where|why)$/

/** Whether a verb, a codec or a size says what is to be done: names, everyday words and verbs that only look do not. */
const saysWhat = (words: RuleInput['clause']['words']): boolean =>
  codecsOf(words).length > 0 ||
  words.some(
    (word, at) =>
      /^(?:size|percent|times|bits|code)$/.test(word.kind) ||
      word.norm.endsWith('-doing') ||
      SAYS_HOW.test(word.lower) ||
      ((word.form !== null || at === 0) &&
        mayBeVerb(word) &&
        !LOOKS.test(word.norm) &&
        !NO_VERB.test(word.lower)),
  )
const SAYS_HOW = /^(?:lora|epochs?|steps?|adapter|evolution|become|searchable|quality|scores?|accuracy)$/
const NO_VERB = /^(?:original|[kmgt]i?b)$/

/** `make both`, `tell ./docs`: too little to change something by. */
function changesByTooLittle({ words }: RuleInput['clause'], { tool, share }: Intent): boolean {
  if (!isChange(tool)) return false
  if (!saysWhat(words) || (tool === 'code_run' && share < SURE)) return true
  if (ONLY_MEASURES.test(tool)) return false
  return words.length <= 2 || share < LIKELY_CHANGE || LOOKS.test(words[0]!.norm)
}

/** `take the files in ~/scans`: it points at what comes next. */
const onlyPoints = ({ line, mood }: RuleInput['clause'], { tool, share }: Intent): boolean =>
  !isChange(tool) &&
  (/^(?:take|use|consider|suppose|imagine)(?: |$)/.test(line) ||
    (mood === 'statement' && TELLS.test(line) && share < SURE))

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
  const intent = likest(input)
  const tools = toolsOf(ruled)
  if (tools.includes(intent.tool) || isOfSteps(ruled)) return ruled
  if (!contradicts(intent, isDoubtful(ruled, input.clause.words) ? [] : tools)) return ruled
  if (LOOKS_AROUND.test(intent.tool) && intent.share < SURE && !isOwnMatter(input.clause.words)) return ruled
  if (intent.tool === NOTHING_ASKED)
    return isClearQuestion(input.clause) && intent.share < SURE ? ruled : null
  // `How do I index it?`, `copy it? Is that safe?`: asked about, not asked for.
  if (input.clause.mood === 'question' && isChange(intent.tool) && !ONLY_MEASURES.test(intent.tool))
    return ruled
  if (!isOrder(input.clause, intent) || changesByTooLittle(input.clause, intent)) return ruled
  if (ruled === null && onlyPoints(input.clause, intent)) return ruled
  const outcome = FRAMES[fitted(intent.tool, input)]?.(input) ?? null
  return outcome !== null && 'calls' in outcome
    ? {
        ...outcome,
        isGuess: true,
        isSure: intent.share >= SURE && (input.clause.mood === 'order' || namesHow(input.clause)),
      }
    : ruled
}

/** `is a distinguishable from b`, `how far is a from b`: of two. */
const OF_TWO = /(?:^| )(?:from|than|apart|alike|differ|different|versus|vs)(?: |$)/
const modelsIn = (words: RuleInput['clause']['words']): number =>
  new Set(words.flatMap(({ own }) => own?.model ?? [])).size

function fitted(tool: string, input: RuleInput): string {
  const { mood, words, line } = input.clause
  if (tool === 'model_inspect' && mood === 'question' && OF_TWO.test(line) && modelsIn(words) === 2)
    return 'model_compare'
  return ofRuns(tool, input)
}

/** Tools that answer a question about a model of this node. */
const OF_MODEL = ['model_inspect', 'model_compare', 'model_evaluate'] as const
/** Of such a tool, where nothing else is likely: the clause names a model and no collection. */
const LIKELY_OF_MODEL = 0.12

/** The likest tool; where none is likely for a question that names a model, the likest of those that look at models. */
function likest({ clause }: RuleInput): Intent {
  const intent = intentOf(clause)
  const { words, mood, line } = clause
  const isOpen = intent.share >= LIKELY || mood !== 'question' || HYPOTHETICAL.test(line)
  if (isOpen || modelsIn(words) === 0 || words.some(({ own }) => own?.collection !== undefined)) return intent
  const tool = OF_MODEL.reduce((best, one) => (intent.shareOf(one) > intent.shareOf(best) ? one : best))
  const share = intent.shareOf(tool)
  return share >= LIKELY_OF_MODEL && intent.shareOf('knowledge_ask') < share
    ? { ...intent, tool, share: LIKELY }
    : intent
}
const HYPOTHETICAL = /^(?:should|would|could|may|might|why|how (?:do|can|would|should))(?: |$)/

/** Ids of jobs and of runs look alike: behind a list of runs one is of a run. */
const ofRuns = (tool: string, { clause, state }: RuleInput): string =>
  tool === 'job_show' &&
  /^round_/.test(state.drafts.at(-1)?.tool ?? '') &&
  !/(?:^| )job(?: |$)/.test(clause.line)
    ? 'round_show'
    : tool

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
