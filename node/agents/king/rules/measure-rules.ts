/** How good models are, which of two is better, and the geometry of what they learned. */
import type { JsonValue } from '../../../json.ts'
import { codecsOf, namesOf, suiteOf } from '../slots.ts'
import { HUB, isMade, modelsMeant, NO_MODEL, resolve } from './model-values.ts'
import {
  type Draft,
  draft,
  from,
  ORIGINAL,
  type Outcome,
  type PlanState,
  REFERS,
  type Rule,
  type RuleInput,
  type Value,
} from './rule.ts'

export const QUALITY =
  /(?:^| )(?:quality|likelihood|perplexity|similarity|figures|smart|clever|useful|usable|reliable|harm|harmed|hurt|hurts|cost|costs|broke|broken|breaks|ruined|spoiled|intact|same|left|accuracy|good|well|worse|better|lost|lose|losing|loss|losses|damage|degraded|degradation|performance|perform|performs|hold up|holds up|still works?|intact|kept|keeps?|retained|survived?|fine|ok|usable|right|alright|acceptable|correct|suffer|suffered|suffers|drop|dropped|drops)(?: |$)/
const MEASURING =
  /^(?:evaluate|test|check|measure|prove|try|see|show|verify|tell|report|run|find|look|make|give|get|do|quiz)$/

/** Whether the clause looks at how good a model is, not at something else that can be checked. */
function isEvaluation({ clause: { line, words }, verb, state }: RuleInput): boolean {
  const about = line.replace(/^(?:make sure|be sure)(?: that)?/, 'check')
  if (verb === 'evaluate' || verb === 'benchmark')
    return !/(?:^| )(?:expression|formula|integral)(?: |$)/.test(line)
  if (!MEASURING.test(verb ?? '')) return false
  const hasModel = state.model !== null || namesOf(words, 1, { plainWords: false }).length > 0
  if (suiteOf(words) !== null && hasModel) return true
  if (/(?:^| )(?:benchmark|benchmarks)(?: |$)/.test(line)) return hasModel
  if (
    /^(?:test|try)$/.test(verb!) &&
    hasModel &&
    !/(?:^| )(?:code|program|<code>|connection)(?: |$)/.test(line)
  )
    return true
  if (
    /^(?:check|measure|see|verify|show|tell|report|find|look|give|get|prove|quiz)$/.test(verb!) &&
    QUALITY.test(about)
  )
    return (
      hasModel &&
      (/^(?:check|measure|verify|prove|quiz)$/.test(verb!) ||
        /(?:^| )(?:how|whether|if|what|quality|accuracy|performance)(?: |$)/.test(line))
    )
  return false
}

export const evaluating: Rule = (input): Outcome | null => {
  const { clause, state } = input
  const { words, line } = clause
  // `evaluate x and tell me its perplexity`: the same evaluation.
  const last = state.drafts.at(-1)
  const named = suiteOf(words)
  if (
    last?.tool === 'model_evaluate' &&
    named === null &&
    /^(?:measure|evaluate|check|test) (?:it|that)$/.test(line) &&
    !state.drafts.some(({ tool }) => tool === 'model_compress')
  )
    return { calls: [] }
  if (last?.tool === 'model_evaluate' && last.arguments.suite === undefined && named !== null)
    if (namesOf(words, 0, { plainWords: false }).length === 0 && /(?:^| )(?:its|the|it)(?: |$)/.test(line))
      return { amends: { suite: named } }
  if (
    clause.mood === 'question' &&
    !/^(?:check|see|tell|show|find|verify|let|measure|report|give|look)(?: |$)/.test(line)
  ) {
    const asksHowGood =
      /^(?:(?:know|see|tell me|say|wonder) )?how (?:good|well|accurate|bad)(?: |$)/.test(line) &&
      namesOf(words, 2, { plainWords: false }).length > 0
    const asksFigure =
      suiteOf(words) !== null &&
      /(?:^| )(?:of|for|have|has|get|score|reach)(?: |$)/.test(line) &&
      namesOf(words, 1, { plainWords: false }).length > 0 &&
      !/(?:say|document|note|paper|would|should)/.test(line)
    const asksOfIt =
      /(?:^| )how (?:good|well|accurate|bad) (?:it|that|this|they)(?: |$)|how (?:good|well|accurate) is (?:it|that|this)(?: |$)/.test(
        line,
      ) &&
      state.model !== null &&
      state.drafts.at(-1)?.tool !== 'model_evaluate'
    const ofMade =
      state.drafts.some(({ tool }) => tool === 'model_compress') &&
      QUALITY.test(line) &&
      /(?:^| )(?:it|its|the|that|this|they|them)(?: |$)/.test(line)
    if (!asksHowGood && !ofMade && !asksFigure && !asksOfIt) return null
    if (ofMade && !asksHowGood && !asksFigure) return againstOriginal(state, suiteOf(words))
  } else if (!isEvaluation(input)) return null
  const { values, added } = modelsMeant(input)
  if (values.length === 0) return NO_MODEL
  const suite = suiteOf(words)
  // What compressing cost shows only beside the original.
  const isAfterCompression =
    values.length === 1 &&
    isMade(values[0]!) &&
    state.original !== null &&
    madeBy(values[0]!, state) === 'model_compress'
  const comparesInWords =
    /(?:^| )(?:before and after|before , after|(?:it|this|that) cost|quality|lost|lose|losing|loss|losses|worse|better|kept|keeps?|retained|damage|degraded|degradation|still|leave|left|remains|survives|survived|before|as good|drop|dropped|drops|suffer|suffered|suffers|difference|original)(?: |$)/.test(
      line,
    )
  if (isAfterCompression && comparesInWords) return againstOriginal(state, suite)
  return {
    calls: [
      ...added,
      ...values.map((model) =>
        draft('model_evaluate', { model, suite }, 'How good a model is must be measured.'),
      ),
    ],
  }
}

const madeBy = (value: Value, state: PlanState): string | null =>
  typeof value === 'string' ? null : (state.drafts[value.$from - 1]?.tool ?? null)

/** Each compressed model beside what it was made from. */
function againstOriginal(state: PlanState, suite: string | null): Outcome {
  const pairs = state.drafts.flatMap((step, index): [JsonValue, Value][] =>
    step.tool === 'model_compress' ? [[step.arguments.model!, from(index + 1, 'model')]] : [],
  )
  const chosen = pairs.slice(-4)
  if (chosen.length === 0) return NO_MODEL
  return {
    calls: chosen.map(([first, second]) =>
      draft('model_compare', { first, second, suite }, 'What was lost shows beside the original.'),
    ),
  }
}

export const comparing: Rule = (input) => {
  const { clause, verb, at, state } = input
  const { words, line } = clause
  const asksWhich =
    clause.mood === 'question' &&
    /(?:^| )(?:better|worse|best|stronger|smarter|more accurate|differ|difference|outperform|outperforms|beat|beats|good as|compare|compares|fare|fares|stack up|stacks up|measure up|measures up|hold up against|prefer|superior|inferior|ahead|wins?)(?: |$)/.test(
      line,
    )
  const isAgainst = verb === 'evaluate' && /(?:^| )(?:against|versus|vs|beside|next to)(?: |$)/.test(line)
  if (!asksWhich && verb !== 'compare' && !isAgainst) return null
  if (asksWhich && /(?:^| )(?:document|note|say|paper)(?: |$)/.test(line)) return null
  const names = namesOf(words, verb === 'compare' ? at + 1 : 0, {
    plainWords: verb === 'compare' || isAgainst,
  })
  if (
    asksWhich &&
    names.length < 2 &&
    !(names.length === 1 && state.model !== null) &&
    !(state.models.length > 0 && REFERS.test(line)) &&
    !(state.models.length >= 2)
  )
    return null
  if (names.some(({ kind, text }) => kind === 'path' && !HUB.test(text)))
    return { why: 'A file is no model yet: say that it is to be added first.' }
  const { values, added } = resolve(names, state)
  const suite = suiteOf(words)
  const pair = (first: Value, second: Value) =>
    draft('model_compare', { first, second, suite }, 'Two models are compared on the same items.')
  // `whether a is worse than b`: the verdict is about the second model of a comparison.
  if (
    values.length === 2 &&
    /(?:^| )(?:whether|if) (?:the )?(?:model )?(?:<id>|encoder) (?:is|do|does|performs?|scores?|has|have) (?:\S+ ){0,3}?(?:better|worse)(?: \S+)? than (?:the )?/.test(
      line,
    )
  )
    return { calls: [...added, pair(values[1]!, values[0]!)] }
  if (values.length >= 2)
    return { calls: [...added, ...values.slice(1).map((second) => pair(values[0]!, second))] }
  if (values.length === 1) {
    const other =
      state.models
        .filter((model) => model !== values[0])
        .filter(isMade)
        .at(-1) ?? state.models.filter((model) => model !== values[0]).at(-1)
    if (other !== undefined) return { calls: [...added, pair(values[0]!, other)] }
    const codecs = codecsOf(words)
    const isVersion = /(?:^| )(?:version|versions|variant|variants|copy|compress)(?: |$)/.test(line)
    if (codecs.length > 0 && isVersion) return againstCodecs(values[0]!, codecs, added, state, suite)
    return { why: 'It names one model; two can be compared.' }
  }
  const made = state.models.filter(isMade)
  if (state.original !== null && state.model !== null && (ORIGINAL.test(line) || made.length < 2)) {
    const all = made.filter((model) => madeBy(model, state) === 'model_compress')
    if (all.length > 1) return againstOriginal(state, suite)
    return { calls: [pair(state.original, state.model)] }
  }
  const several = made.length >= 2 ? made : state.models
  if (several.length < 2) return { why: 'It does not say which two models are to be compared.' }
  // What was merged stands beside each of its parents.
  return { calls: several.slice(1).map((second) => pair(several[0]!, second)) }
}

/** `compare x to its int8 version`: that has to be made first. */
function againstCodecs(
  first: Value,
  codecs: readonly string[],
  added: readonly Draft[],
  state: PlanState,
  suite: string | null,
): Outcome {
  const made = codecs.map((codec) =>
    draft(
      'model_compress',
      { model: first, codec },
      'The version that is to be compared must be made first.',
    ),
  )
  const start = state.drafts.length + added.length
  const compared = made.map((_, index) =>
    draft(
      'model_compare',
      { first, second: from(start + index + 1, 'model'), suite },
      'Two models are compared on the same items.',
    ),
  )
  return { calls: [...added, ...made, ...compared] }
}

export const measuringGeometry: Rule = (input) => {
  const { clause } = input
  if (
    !/(?:^| )(?:geometry|intrinsic|cka|spectrum|spectra|spectral|stable ranks?|loss barriers?)(?: |$)/.test(
      clause.line,
    )
  )
    return null
  if (
    clause.mood === 'question' &&
    !/(?:^| )of (?:the )?(?:model|<id>|it)|<id> (?:\S+ ){0,6}(?:in|by) (?:their |the |its )?geometry/.test(
      clause.line,
    )
  )
    return null
  const { values, added } = modelsMeant(input)
  if (values.length === 0) return clause.mood === 'question' ? null : NO_MODEL
  return {
    calls: [...added, draft('geometry_measure', { models: values }, 'The geometry of models is asked for.')],
  }
}
