/**
 * A goal in words as a plan, by rules: clauses, each read by the first rule that knows it, with what earlier clauses made. What no rule knows
 * is said in `notDone`; nothing is ever changed by a guess. English only.
 */
import { canonicalJson } from '../../json.ts'
import { NO_NAMES, type OwnNames } from '../own-names.ts'
import { isChange } from './changes.ts'
import { type Clause, toWord, type Word } from './clause.ts'
import { clausesIn } from './clauses-in.ts'
import { declaredNames, withDeclared } from './declared-names.ts'
import { withoutExcluded } from './exclusions.ts'
import { existenceIn } from './existence.ts'
import { findVerb } from './find-verb.ts'
import { fenceInlineCode } from './inline-code.ts'
import { chooseReading, isForModel } from './intent/choose-reading.ts'
import { splitMixed } from './intent/mixed-lists.ts'
import { readInContext } from './intent/read-in-context.ts'
import { asWritten, joinedQuestion, type Planned } from './join-questions.ts'
import {
  factToForget,
  isMaterial,
  leavesAsIs,
  materialIn,
  NOT_ASKED,
  type Span,
  takesBack,
} from './material.ts'
import { measureFirst } from './measure-first.ts'
import { type Mention, mentionIn, ONLY_POINTS, shortMention } from './mentions.ts'
import { isEnglish, otherLanguage } from './other-language.ts'
import { barePhrase, onlyTells } from './phrases.ts'
import { agentOf, type Plan, type PlanStep } from './plan.ts'
import { EMPTY_STATE, withDraft, withMention } from './plan-state.ts'
import { readCondition } from './read-condition.ts'
import { amending } from './rules/build-rules.ts'
import type { Draft, Outcome, PlanState, RuleInput } from './rules/rule.ts'
import { RULES } from './rules/table.ts'
import { allSaid } from './said-words.ts'
import { answersQuestion, isSameStep, placedIn, saysMore, searchesFor } from './same-matter.ts'
import { readTokens } from './tokens.ts'
import { leftOutOf, unclearIn } from './whole-message.ts'

/** What is longer is no goal but a text: only so much of it is read. */
export const MAX_GOAL_UNITS = 16_384
const MAX_WORDS = 1200
const MAX_STEPS = 32

const TOO_LONG = `Only the first ${MAX_WORDS} words were read.`
const UNKNOWN = 'No rule knows what to do for it.'
const UNMEASURED = 'It depends on something that no step before it measures.'
const WAITS = 'This part was not understood, so each step that changes something waits for a yes.'
const PARTLY = 'A part of the message was not understood.'
const TAKEN_BACK = 'It was taken back.'

/** The first things that people type; the report says what King can do. */
const ASKS_FOR_HELP =
  /^(?:(?:hi|hello|hey|good (?:morning|evening|day))[ ,!.]*(?:king|there)?[ ,!.]*)?(?:help(?: me)?|\?|(?:so,? )?what (?:can|do|could) (?:you|i|we|king) (?:do|ask|say)(?: you)?(?: (?:for me|here|with (?:you|this)))?|(?:who|what) are you|how do (?:i|we) (?:use|talk to) (?:you|this)|what are you (?:for|able to do)|what (?:is|are) your (?:abilities|commands|functions))?[\s?!.]*$/i

type NotDone = Plan['notDone'][number]

/**
 * `tools`: those that may be used; a step with another one is not planned but named in `notDone`. `own`: what this node has, which words
 * may mean by its name alone.
 */
export function planGoal(text: string, tools: readonly string[], own: OwnNames = NO_NAMES): Plan {
  const source = fenceInlineCode(text.slice(0, MAX_GOAL_UNITS))
  const all = readTokens(source).map(toWord)
  const said = allSaid(all.slice(0, MAX_WORDS), own)
  const words = withoutExcluded(said)
  if (words.length === 0 || (source.length < 120 && ASKS_FOR_HELP.test(source.trim())))
    return { steps: [], notDone: [], language: 'en' }
  if (!isEnglish(all.slice(0, MAX_WORDS))) return otherLanguage(text, tools)
  const isCut = all.length > MAX_WORDS || text.length > MAX_GOAL_UNITS
  const cut = isCut ? [{ text: `${source.slice(0, 60)}…`, why: TOO_LONG }] : []
  const first = planWords(words, source, tools)
  const names = declaredNames(first.planned.map(({ draft }) => draft))
  const known = names.size === 0 ? words : withDeclared(words, names)
  const { planned, notDone, unclear } = known === words ? first : planWords(known, source, tools)
  const steps = asWritten(planned, source).map(toStep)
  const leftOut = leftOutOf(said, words)
  const parts = [...cut.map((one) => one.text), ...unclear, ...(leftOut === null ? [] : [leftOut])]
  const doubts = steps.some(({ tool }) => isChange(tool)) ? parts : []
  const told = notDone.filter((one) => one.why !== UNKNOWN || !doubts.includes(one.text))
  return {
    // Whoever is asked for the yes reads the reason.
    steps: steps.map((step) =>
      doubts.length > 0 && isChange(step.tool) ? { ...step, reason: `${step.reason} ${PARTLY}` } : step,
    ),
    notDone: [...cut, ...told, ...doubts.map((doubt) => ({ text: doubt, why: WAITS }))],
    language: 'en',
    ...(doubts.length > 0 && { unclear: doubts }),
  }
}

function planWords(
  words: readonly Word[],
  source: string,
  tools: readonly string[],
): { planned: Planned[]; notDone: NotDone[]; unclear: string[] } {
  const notDone: NotDone[] = []
  const unclear: string[] = []
  let planned: Planned[] = []
  let state: PlanState = EMPTY_STATE
  const spokenOf = mentionIn(words)
  const readAt = new Map<readonly Word[], number>()
  const material = materialIn(source)
  const clauses = clausesIn(words, source).flatMap(splitMixed)
  for (const [index, clause] of clauses.entries()) {
    // `never mind, leave it` takes back once.
    const isAgain = index > 0 && takesBack(clauses[index - 1]!)
    if (takesBack(clause) && (isAgain || planned.length === 0)) {
      const forgotten = isAgain || planned.length > 0 ? null : factToForget(clause, clauses[index - 1])
      if (forgotten !== null && tools.includes(forgotten.tool)) {
        planned.push({ ...placeOf(clause), draft: forgotten, when: null, clause: index })
        state = withDraft(state, forgotten)
      }
      continue
    }
    // `was job 2c58 cancelled? Leave it be`: a look at it changes nothing that could be taken back.
    if (leavesAsIs(clause) && !isChange(planned.at(-1)!.draft.tool)) continue
    if (takesBack(clause)) {
      const last = planned.at(-1)!.clause
      for (const { draft } of planned.filter((one) => one.clause === last))
        notDone.push({ text: draft.reason, why: TAKEN_BACK })
      planned = planned.filter((one) => one.clause !== last)
      state = replay(planned)
      continue
    }
    if (isHandedOver(clause, planned.at(-1))) continue
    const outcome = clause.isOff
      ? null
      : (readWith(clause, state, spokenOf, clauses[index - 1]) ??
        (onlyTells(clause) || clauses.length > 1 ? null : barePhrase(clause, state)))
    const changes = outcome !== null && 'calls' in outcome && outcome.calls.some(({ tool }) => isChange(tool))
    const notRead =
      changes && isLikest(outcome) && !isSure(outcome)
        ? clause.text
        : unclearIn(clause, outcome === null ? 'context' : changes ? 'change' : 'other')
    if (notRead !== null) unclear.push(notRead)
    if (outcome === null) {
      const mention =
        clause.mood === 'order' && clause.words.length > 1 && !clause.isOff && !ONLY_POINTS.test(clause.line)
          ? null
          : shortMention(clause)
      const last = planned.at(-1)
      const placed = last === undefined || clause.isOff ? null : placedIn(last.draft, clause)
      if (placed !== null) planned[planned.length - 1] = { ...last!, draft: placed }
      if (mention !== null) state = withMention(state, mention)
      else if (!clause.isOff) notDone.push({ text: clause.text, why: UNKNOWN })
      continue
    }
    if ('why' in outcome) {
      if (clause.mood === 'statement')
        state = withMention(state, shortMention(clause) ?? mentionIn(clause.words))
      notDone.push({ text: clause.text, why: outcome.why })
      continue
    }
    if ('amends' in outcome) {
      const last = planned.at(-1)
      if (last !== undefined) {
        const draft = { ...last.draft, arguments: { ...last.draft.arguments, ...outcome.amends } }
        planned[planned.length - 1] = { ...last, draft }
        state = { ...withDraft(withoutLast(state), draft), original: state.original }
      }
      continue
    }
    if (changes && isReported(clause, material)) {
      notDone.push({ text: clause.text, why: NOT_ASKED })
      continue
    }
    const last = planned.at(-1)
    const asked =
      last?.clause === index - 1 && last.when === null
        ? { draft: last.draft, mood: clauses[last.clause]!.mood }
        : undefined
    const isAnswer = clause.mood === 'order' && answersQuestion(asked, clause, outcome.calls)
    if (isAnswer) {
      planned.pop()
      state = withMention({ ...replay(planned), said: state.said }, mentionIn(clauses[index - 1]!.words))
    }
    const isSearch = clause.mood === 'order' && searchesFor(asked, outcome.calls)
    if (isSearch) {
      planned.pop()
      state = withoutLast(state)
    }
    const measured = measureFirst(clause, state, tools)
    if (measured !== null) {
      planned.push({ ...placeOf(clause), draft: measured, when: null, clause: index })
      state = withDraft(state, measured)
    }
    const calls =
      measured === null && !isAnswer
        ? outcome.calls
        : callsOf(readWith(clause, state, spokenOf, clauses[index - 1]) ?? outcome)
    // Both cases of one condition rest on the same step, though the first case may have added others.
    const readFrom = readAt.get(clause.condition?.words ?? []) ?? state.drafts.length
    if (clause.condition !== null) readAt.set(clause.condition.words, readFrom)
    const when =
      clause.condition === null ? null : readCondition(clause.condition, state.drafts.slice(0, readFrom))
    for (const draft of calls) {
      if (
        when === null &&
        (wasLooked(planned, draft) || isTold(planned.at(-1), draft) || isRepeated(planned.at(-1), draft))
      )
        continue
      if (planned.length >= MAX_STEPS)
        notDone.push({ text: clause.text, why: `A plan has ${MAX_STEPS} steps at most.` })
      else if (!tools.includes(draft.tool))
        notDone.push({ text: clause.text, why: `The tool ${draft.tool} is not allowed here.` })
      else if (clause.condition !== null && when === null && isChange(draft.tool))
        notDone.push({ text: clause.text, why: UNMEASURED })
      else if (clause.condition === null && isSameStep(asked, draft, clause.line))
        planned[planned.length - 1] = { ...last!, draft }
      else {
        const next: Planned = { ...placeOf(clause), draft, when, clause: index, isGuess: isLikest(outcome) }
        const before = planned.at(-1)
        const whole = joinedQuestion(before, next, source)
        if (whole !== null || (before !== undefined && saysMore(before, next))) {
          planned[planned.length - 1] = whole ?? next
          state = withDraft(withoutLast(state), (whole ?? next).draft)
          continue
        }
        planned.push(next)
        state = withDraft(state, draft)
      }
    }
  }
  return { planned, notDone, unclear }
}

/** What was looked at already, with nothing changed since, need not be looked at again: `show the details of a-lm: its inputs, its size`. */
function wasLooked(planned: readonly Planned[], draft: Draft): boolean {
  if (!LOOKS_AGAIN_IN_VAIN.test(draft.tool)) return false
  const since = planned.slice(planned.findLastIndex((one) => isChange(one.draft.tool)) + 1)
  return since.some(
    (one) =>
      one.when === null &&
      one.draft.tool === draft.tool &&
      canonicalJson(one.draft.arguments) === canonicalJson(draft.arguments),
  )
}
/** `let x carry on from here: the last ferry had left`: what comes behind is the text, not an order. */
function isHandedOver(clause: Clause, last: Planned | undefined): boolean {
  if (last === undefined || clause.words[0]!.start < last.end) return false
  const { content, prompt } = last.draft.arguments
  return [content, prompt].some((text) => typeof text === 'string' && text.includes(clause.text))
}

/** A job that was waited for is shown with what came of it. */
const isTold = (last: Planned | undefined, draft: Draft): boolean =>
  last?.draft.tool === 'job_wait' &&
  last.when === null &&
  draft.tool === 'job_show' &&
  canonicalJson(last.draft.arguments) === canonicalJson(draft.arguments)

/** The same once more, with nothing between: `I left job 77ad running. What became of it?` */
const isRepeated = (last: Planned | undefined, draft: Draft): boolean =>
  last?.when === null &&
  last.draft.tool === draft.tool &&
  canonicalJson(last.draft.arguments) === canonicalJson(draft.arguments)
const LOOKS_AGAIN_IN_VAIN =
  /^(?:model_(?:list|inspect)|knowledge_collections|member_list|node_status|file_(?:list|read)|time_now)$/

const callsOf = (outcome: Outcome): readonly Draft[] => ('calls' in outcome ? outcome.calls : [])
const isReported = ({ words }: Clause, material: readonly Span[]): boolean =>
  words.some(({ start }) => isMaterial(start, material))
const isSure = (outcome: Outcome): boolean => 'calls' in outcome && outcome.isSure === true
const isLikest = (outcome: Outcome): boolean => 'calls' in outcome && outcome.isGuess === true
const placeOf = ({ words }: Clause): Pick<Planned, 'start' | 'end'> => ({
  start: words[0]!.start,
  end: words.at(-1)!.end,
})
const withoutLast = (state: PlanState): PlanState => ({ ...state, drafts: state.drafts.slice(0, -1) })
const replay = (planned: readonly Planned[]): PlanState =>
  planned.reduce((state, { draft }) => withDraft(state, draft), EMPTY_STATE)

/** `if there is a collection called handbook, ask it …`: the order is about what the condition names. */
function aboutCondition({ condition }: Clause, state: PlanState): PlanState {
  const there = condition === null ? null : existenceIn(condition.words)
  if (there === null || there.isMissing || there.kind === 'member' || there.kind === 'file') return state
  return there.kind === 'collection'
    ? { ...state, collection: there.name }
    : { ...state, model: there.name, models: [...state.models, there.name] }
}

/** `before compressing x, evaluate it`: what `it` is comes later, or was only named in what is not to be done. */
function readWith(
  clause: Clause,
  before: PlanState,
  spokenOf: Mention,
  told: Clause | undefined,
): Outcome | null {
  // `there is an old one, just replace it`: told, but of the step before.
  if (onlyTells(clause)) return amendsLast(clause, before)
  const state = aboutCondition(clause, before)
  const { verb, at } = findVerb(clause)
  const input = { clause, verb, at, state }
  const outcome = byRules(input)
  const isOpen =
    outcome !== null &&
    state.model === null &&
    isOpenQuestion(outcome) &&
    (OF_SOMETHING.test(clause.line) || isForModel(clause))
  if (outcome !== null && !('why' in outcome) && !isOpen)
    return readInContext(chooseReading(outcome, input), input, told)
  const known = withMention(state, {
    model: state.model === null ? spokenOf.model : null,
    models: state.models.length === 0 ? spokenOf.models : [],
    modelFile: state.model === null && state.modelFile === null ? spokenOf.modelFile : null,
    path: state.path === null ? spokenOf.path : null,
    paths: [],
    job: state.job === null ? spokenOf.job : null,
    run: state.run === null ? spokenOf.run : null,
    collection: null,
    said: null,
  })
  const later = { ...input, state: known }
  return readInContext(chooseReading(byRules(later) ?? outcome, later), later, told)
}

function amendsLast(clause: Clause, state: PlanState): Outcome | null {
  const outcome = amending({ clause, ...findVerb(clause), state })
  return outcome !== null && 'amends' in outcome ? outcome : null
}

/** `before you compress x, tell me how big it is`: not for the documents where a model is meant. */
const OF_SOMETHING =
  /(?:^| )how (?:big|large|small) (?:it|that|this|is it|is that) ?(?:is|are)?(?: (?:now|before|first|today))*$/
const isOpenQuestion = (outcome: Outcome): boolean =>
  'calls' in outcome && outcome.calls[0]?.tool === 'knowledge_ask'

function byRules(input: RuleInput): Outcome | null {
  for (const rule of RULES) {
    const outcome = rule(input)
    if (outcome !== null) return outcome
  }
  return null
}

const toStep = ({ draft, when }: Planned, index: number): PlanStep => ({
  id: index + 1,
  tool: draft.tool,
  arguments: draft.arguments,
  reason: draft.reason,
  agent: agentOf(draft.tool),
  when,
})
