/**
 * A goal in words as a plan, by rules: clauses, each read by the first rule that knows it, with what earlier clauses made. What no rule knows
 * is said in `notDone`; nothing is ever changed by a guess. English only.
 */
import { isFunctionWord } from '../rag/answers/function-words.ts'
import { type Clause, lineOf, toWord, type Word } from './clause.ts'
import { findVerb } from './find-verb.ts'
import { agentOf, type Plan, type PlanStep, type StepCondition } from './plan.ts'
import { EMPTY_STATE, withDraft, withMention } from './plan-state.ts'
import { readCondition } from './read-condition.ts'
import type { Draft, Outcome, PlanState } from './rules/rule.ts'
import { RULES } from './rules/table.ts'
import { isModelFile, namesOf, pathsOf } from './slots.ts'
import { splitClauses } from './split-clauses.ts'
import { readTokens } from './tokens.ts'

/** What is longer is no goal but a text: only so much of it is read. */
export const MAX_GOAL_UNITS = 16_384
const MAX_WORDS = 1200
const MAX_STEPS = 32

const NOT_ENGLISH = 'The rules read English only; a language model reads other languages.'
const TOO_LONG = `Only the first ${MAX_WORDS} words were read.`
const UNKNOWN = 'No rule knows what to do for it.'
const UNMEASURED = 'It depends on something that no step before it measures.'

interface Planned {
  readonly draft: Draft
  readonly when: StepCondition | null
}

/** `tools`: those that may be used; a step with another one is not planned but named in `notDone`. */
export function planGoal(text: string, tools: readonly string[]): Plan {
  const source = text.slice(0, MAX_GOAL_UNITS)
  const all = readTokens(source).map(toWord)
  const words = all.slice(0, MAX_WORDS)
  const notDone: { text: string; why: string }[] = []
  if (words.length === 0) return { steps: [], notDone, language: 'en' }
  if (!isEnglish(words)) return otherLanguage(text, tools)
  if (words.length < all.length || source.length < text.length)
    notDone.push({ text: `${source.slice(0, 60)}…`, why: TOO_LONG })
  const planned: Planned[] = []
  let state: PlanState = EMPTY_STATE
  const spokenOf = mentionIn(words)
  for (const clause of withCode(shareObjects(splitClauses(words, source)), words)) {
    const outcome = clause.isOff ? null : (readWith(clause, state, spokenOf) ?? barePhrase(clause, state))
    if (outcome === null) {
      const mention =
        clause.mood === 'order' && clause.words.length > 1 && !clause.isOff && !ONLY_POINTS.test(clause.line)
          ? null
          : shortMention(clause)
      if (mention !== null) state = withMention(state, mention)
      else if (!clause.isOff) notDone.push({ text: clause.text, why: UNKNOWN })
      continue
    }
    if ('why' in outcome) {
      notDone.push({ text: clause.text, why: outcome.why })
      continue
    }
    if ('amends' in outcome) {
      const last = planned.at(-1)
      if (last !== undefined) {
        const draft = { ...last.draft, arguments: { ...last.draft.arguments, ...outcome.amends } }
        planned[planned.length - 1] = { ...last, draft }
        state = {
          ...withDraft({ ...state, drafts: state.drafts.slice(0, -1) }, draft),
          original: state.original,
        }
      }
      continue
    }
    const measured = measureFirst(clause, state, tools)
    if (measured !== null) {
      planned.push({ draft: measured, when: null })
      state = withDraft(state, measured)
    }
    const when = clause.condition === null ? null : readCondition(clause.condition, state.drafts)
    for (const draft of outcome.calls) {
      if (planned.length >= MAX_STEPS)
        notDone.push({ text: clause.text, why: `A plan has ${MAX_STEPS} steps at most.` })
      else if (!tools.includes(draft.tool))
        notDone.push({ text: clause.text, why: `The tool ${draft.tool} is not allowed here.` })
      else if (clause.condition !== null && when === null && isChange(draft.tool))
        notDone.push({ text: clause.text, why: UNMEASURED })
      else {
        planned.push({ draft, when })
        state = withDraft(state, draft)
      }
    }
  }
  return { steps: joinQuestions(planned, source).map(toStep), notDone, language: 'en' }
}

const OF_QUALITY = /(?:^| )(?:quality|score|accuracy|perplexity|evaluate|good)(?: |$)/

/** `if its quality is over 90 %`, and no step has measured it: the model is evaluated first. */
function measureFirst(
  { condition }: Clause,
  { drafts, model }: PlanState,
  tools: readonly string[],
): Draft | null {
  if (condition === null || model === null) return null
  const line = lineOf(condition.words)
  const [other] = namesOf(condition.words, 0, { plainWords: false })
  if (
    /(?:^| )(?:better|worse)(?: |$)/.test(line) &&
    other !== undefined &&
    typeof model !== 'string' &&
    readCondition(condition, drafts)?.kind !== 'verdict'
  )
    return tools.includes('model_compare')
      ? {
          tool: 'model_compare',
          arguments: { first: other.text, second: model },
          reason: 'What the next step depends on must be measured.',
        }
      : null
  if (!OF_QUALITY.test(line)) return null
  if (!condition.words.some(({ kind }) => kind === 'number' || kind === 'percent')) return null
  if (readCondition(condition, drafts) !== null || !tools.includes('model_evaluate')) return null
  return {
    tool: 'model_evaluate',
    arguments: { model },
    reason: 'What the next step depends on must be measured.',
  }
}

const READ_ONLY =
  /^(?:knowledge_(?:search|ask|collections)|model_(?:list|inspect|compare|generate)|text_embed|job_(?:list|show|wait)|round_(?:list|show)|calculate|file_(?:list|read)|time_now|member_list|node_status|twin_recall)$/

/** Whether a tool that rules plan leaves something behind; the table of tools has the last word when it runs. */
export const isChange = (tool: string): boolean => !READ_ONLY.test(tool)

/** `before compressing x, evaluate it`: what `it` is comes later, or was only named in what is not to be done. */
function readWith(clause: Clause, state: PlanState, spokenOf: Mention): Outcome | null {
  const outcome = readClause(clause, state)
  if (outcome !== null && !('why' in outcome)) return outcome
  const known = withMention(state, {
    model: state.model === null ? spokenOf.model : null,
    path: state.path === null ? spokenOf.path : null,
  })
  return readClause(clause, known) ?? outcome
}

function readClause(clause: Clause, state: PlanState): Outcome | null {
  const { verb, at } = findVerb(clause)
  for (const rule of RULES) {
    const outcome = rule({ clause, verb, at, state })
    if (outcome !== null) return outcome
  }
  return null
}

const RUNS_CODE =
  /^run (?:it|this|that|these|(?:this|the|that|my|these)(?: following)?(?: \S+)? (?:code|program))(?: |$)/

/** `run this code and save what it prints: …`: the code stands at the end. */
function withCode(clauses: readonly Clause[], words: readonly Word[]): Clause[] {
  const [code, ...more] = words.filter(({ kind }) => kind === 'code')
  if (code === undefined || more.length > 0) return [...clauses]
  return clauses.map((clause) => {
    if (!RUNS_CODE.test(clause.line) || clause.words.includes(code)) return clause
    const all = [...clause.words, code]
    return { ...clause, words: all, line: lineOf(all) }
  })
}

/** `download and compress x`: the first has the object of the second. */
function shareObjects(clauses: readonly Clause[]): Clause[] {
  return clauses.map((clause, index) => {
    const next = clauses[index + 1]
    if (
      clause.words.length !== 1 ||
      clause.mood !== 'order' ||
      clause.isOff ||
      next === undefined ||
      next.mood !== 'order'
    )
      return clause
    const words = [...clause.words, ...next.words.slice(1)]
    return { ...clause, words, line: lineOf(words) }
  })
}

/** `take the files in ~/scans`: what the next clause is about. */
const ONLY_POINTS = /^(?:take|use|look at|open|consider|have a look at|here is|get)(?: |$)/

interface Mention {
  readonly model: string | null
  readonly path: string | null
}

/** The first model and the first path that words name. */
function mentionIn(words: readonly Word[]): Mention {
  const name = namesOf(words, 0, { plainWords: false }).find(
    ({ kind, text }) => kind === 'id' || isModelFile(text),
  )
  const path = pathsOf(words).find((one) => !isModelFile(one))
  return { model: name?.text ?? null, path: path ?? null }
}

const NAMED_ONLY = 6

/** A clause without an order that names something, or greets: it is about what comes next. */
function shortMention({ words, mood }: Clause): Mention | null {
  const mention = mentionIn(words)
  if (
    mention.model === null &&
    mention.path === null &&
    !(words.length <= NAMED_ONLY && mood === 'statement')
  )
    return null
  return mention
}

const PHRASE = { min: 1, max: 12 }

/** A few words and nothing else, such as `roof warranty`: what documents say about it. `paint the house` orders something unknown. */
function barePhrase({ words, mood, text }: Clause, state: PlanState): Outcome | null {
  const isPhrase =
    mood === 'statement' &&
    state.drafts.length === 0 &&
    words.length > PHRASE.min &&
    words.length <= PHRASE.max &&
    words.every(({ kind }) => /^(?:word|id|number|quoted|mark)$/.test(kind)) &&
    !words.some(({ form }) => form === 'plain') &&
    !/^(?:i|we|my|you|the|a|an|it|that|this|there)$/.test(words[0]!.norm) &&
    !/^(?:the|a|an|my|your|our|me|us|it|them|this|that|some|any|all)$/.test(words[1]!.norm)
  return isPhrase
    ? {
        calls: [
          {
            tool: 'knowledge_ask',
            arguments: { question: text },
            reason: 'Words without an order: what documents say about them.',
          },
        ],
      }
    : null
}

/** Questions to documents and nothing else: one question, as it stands. Sage takes it apart better than clauses do. */
function joinQuestions(planned: readonly Planned[], source: string): Planned[] {
  const [first, ...rest] = planned
  const isSame = ({ draft, when }: Planned): boolean =>
    draft.tool === 'knowledge_ask' &&
    when === null &&
    JSON.stringify(draft.arguments.collections) === JSON.stringify(first?.draft.arguments.collections)
  if (first === undefined || rest.length === 0 || !planned.every(isSame)) return [...planned]
  const question = source.replace(/\s+/g, ' ').trim()
  return [{ ...first, draft: { ...first.draft, arguments: { ...first.draft.arguments, question } } }]
}

const toStep = ({ draft, when }: Planned, index: number): PlanStep => ({
  id: index + 1,
  tool: draft.tool,
  arguments: draft.arguments,
  reason: draft.reason,
  agent: agentOf(draft.tool),
  when,
})

const OTHERS = ['de', 'fr', 'es', 'it', 'nl', 'pt', 'ru']

/** Function words tell: a text of another language has more of that language's than of English ones. */
function isEnglish(words: readonly Word[]): boolean {
  const plain = words.filter(({ kind }) => kind === 'word').slice(0, 200)
  if (plain.length === 0) return true
  const latin = plain.filter(({ lower }) => /^[a-z'’-]+$/.test(lower)).length
  if (latin * 2 < plain.length) return false
  const english = plain.filter(
    ({ lower, norm }) => isFunctionWord(lower, ['en']) || norm !== lower || norm.endsWith('-doing'),
  ).length
  return OTHERS.every((language) => {
    const theirs = plain.filter(({ lower }) => isFunctionWord(lower, [language])).length
    return theirs < 2 || theirs <= english
  })
}

/** Documents may be in any language: a question goes to them; an order is not understood. */
function otherLanguage(text: string, tools: readonly string[]): Plan {
  const question = text.trim()
  const isQuestion =
    /[?？؟]\s*$/u.test(question) && question.length <= 2000 && tools.includes('knowledge_ask')
  if (!isQuestion)
    return { steps: [], notDone: [{ text: question.slice(0, 200), why: NOT_ENGLISH }], language: 'other' }
  const draft: Draft = {
    tool: 'knowledge_ask',
    arguments: { question },
    reason: 'A question about what documents say.',
  }
  return { steps: [toStep({ draft, when: null }, 0)], notDone: [], language: 'other' }
}
