/** Models: what comes in, what is built from them, what is measured. */
import type { JsonValue } from '../../../json.ts'
import { lineOf, type Word } from '../clause.ts'
import {
  codecsOf,
  collectionOf,
  isFile,
  isModelFile,
  methodOf,
  namesOf,
  newNameOf,
  numberOf,
  pathsOf,
  suiteOf,
  targetsOf,
} from '../slots.ts'
import {
  call,
  type Draft,
  draft,
  from,
  NOTHING_MORE,
  ORIGINAL,
  type Outcome,
  type PlanState,
  REFERS,
  type Rule,
  type RuleInput,
  type Value,
} from './rule.ts'

const NO_MODEL: Outcome = { why: 'It does not say which model.' }

/** A model's name as an argument; a file of one is added first. */
function resolve(names: readonly Word[], state: PlanState): { values: Value[]; added: Draft[] } {
  const added: Draft[] = []
  const values = names.map((name): Value => {
    if (name.kind !== 'path' || !(isModelFile(name.text) || /^(?:~|\.{0,2})\//.test(name.text))) return name.text
    added.push(draft('model_add', { path: name.text }, 'A file is added to the models before it is used.'))
    return from(state.drafts.length + added.length, 'model')
  })
  return { values, added }
}

/** The models that a clause is about: those it names, else those that its pronouns stand for. */
export function modelsMeant(input: RuleInput): { values: Value[]; added: Draft[] } {
  const { clause, at, state } = input
  const names = namesOf(clause.words, at + 1, { plainWords: true })
  const early = names.length === 0 ? namesOf(clause.words.slice(0, Math.max(0, at)), 0, { plainWords: false }) : []
  if (names.length + early.length > 0) return resolve([...early, ...names], state)
  const { line } = clause
  if (/(?:^| )(?:both|them all|all of them|all (?:the |three |four )?(?:model|result|version|variant)s?|each(?: of them| one| model)?|them|the (?:two|three)|these|those|every one)(?: |$)/.test(line)) {
    const several = /(?:^| )(?:both|the two)(?: |$)/.test(line) ? pairOf(state) : state.models.length > 0 ? newest(state) : []
    if (several.length > 0) return { values: several, added: [] }
  }
  if (ORIGINAL.test(line) && state.original !== null && !/ (?:than|with|to|against) (?:the )?(?:original|old)/.test(line))
    return { values: [state.original], added: [] }
  if (state.model !== null) return { values: [state.model], added: [] }
  // A file that is only spoken of: `add ./m.onnx` gave it a model; a path alone does not.
  return { values: [], added: [] }
}

const isMade = (value: Value): boolean => typeof value !== 'string'
const newest = (state: PlanState): Value[] => {
  const made = state.models.filter(isMade)
  return made.length > 0 ? made : [...state.models]
}
function pairOf(state: PlanState): Value[] {
  const named = state.models.slice(-2)
  return named.length === 2 ? named : state.original !== null && state.model !== null ? [state.original, state.model] : named
}

export const compressing: Rule = (input) => {
  const { clause, verb, state } = input
  const { words, line } = clause
  const targets = targetsOf(words)
  const hasSize = targets.maxBytes !== undefined || targets.ratio !== undefined
  const isSmaller = /^(?:make|get|bring|reduce|take|keep|turn|fit|convert|put|need|want|have|go|try|use|test|run)$/.test(verb ?? '') && (hasSize || /(?:^| )(?:small|smaller|tiny|tinier|lighter|size|footprint|compact)(?: |$)/.test(line) || (/^(?:convert|turn|make|take|bring|get|try|use|test|run|put|want|need)$/.test(verb ?? '') && codecsOf(words).length > 0))
  if (clause.mood === 'question' || !(verb === 'compress' || isSmaller)) return null
  if (isSmaller && verb !== 'compress' && !hasSize && !/(?:^| )(?:smaller|small|tiny|tinier|lighter|size|footprint|compact|model)(?: |$)/.test(line) && codecsOf(words).length === 0) return null
  if (verb === 'convert' && codecsOf(words).length === 0) return null
  const { values, added } = modelsMeant(input)
  // `compress it again`: from what there was, not from what is packed already.
  const isAnew = /(?:^| )(?:original|again|instead|too|also|as well|another|time)(?: |$)/.test(line)
  const models = isAnew && values.length === 1 && isMade(values[0]!) && state.original !== null ? [state.original] : values
  if (models.length === 0) return NO_MODEL
  const codecs = codecsOf(words)
  const id = newNameOf(words)
  const calls = models.flatMap((model) =>
    (codecs.length === 0 ? [null] : codecs).map((codec) =>
      draft('model_compress', { model, codec, ...targets, id: models.length * codecs.length > 1 ? null : id }, 'A smaller model is asked for.'),
    ),
  )
  return { calls: [...added, ...calls] }
}

const QUALITY = /(?:^| )(?:quality|accuracy|good|well|worse|better|lost|lose|losing|loss|losses|damage|degraded|degradation|performance|perform|performs|hold up|holds up|still works?|intact|kept|keeps?|retained|survived?|fine|ok|usable|right|alright|acceptable|correct|suffer|suffered|suffers|drop|dropped|drops)(?: |$)/
const MEASURING = /^(?:evaluate|test|check|measure|prove|try|see|show|verify|tell|report|run|find|look|make|give|get|do|quiz)$/

/** Whether the clause looks at how good a model is, not at something else that can be checked. */
function isEvaluation({ clause: { line, words }, verb, state }: RuleInput): boolean {
  const about = line.replace(/^(?:make sure|be sure)(?: that)?/, 'check')
  if (verb === 'evaluate' || verb === 'benchmark') return !/(?:^| )(?:expression|formula|integral)(?: |$)/.test(line)
  if (!MEASURING.test(verb ?? '')) return false
  const hasModel = state.model !== null || namesOf(words, 1, { plainWords: false }).length > 0
  if (suiteOf(words) !== null && hasModel) return true
  if (/(?:^| )(?:benchmark|benchmarks)(?: |$)/.test(line)) return hasModel
  if (/^(?:test|try)$/.test(verb!) && hasModel && !/(?:^| )(?:code|program|<code>|connection)(?: |$)/.test(line)) return true
  if (/^(?:check|measure|see|verify|show|tell|report|find|look|give|get|prove|quiz)$/.test(verb!) && QUALITY.test(about)) return hasModel
  return false
}

export const evaluating: Rule = (input) => {
  const { clause, state } = input
  const { words, line } = clause
  if (clause.mood === 'question' && !/^(?:check|see|tell|show|find|verify|let|measure|report|give|look)(?: |$)/.test(line)) {
    const asksHowGood = /^how (?:good|well|accurate|bad)(?: |$)/.test(line) && namesOf(words, 2, { plainWords: false }).length > 0
    const ofMade = state.drafts.some(({ tool }) => tool === 'model_compress') && QUALITY.test(line) && /(?:^| )(?:it|the|that)(?: |$)/.test(line)
    if (!asksHowGood && !ofMade) return null
    if (ofMade && !asksHowGood) return againstOriginal(state, suiteOf(words))
  } else if (!isEvaluation(input)) return null
  const { values, added } = modelsMeant(input)
  if (values.length === 0) return NO_MODEL
  const suite = suiteOf(words)
  // What compressing cost shows only beside the original.
  const isAfterCompression = values.length === 1 && isMade(values[0]!) && state.original !== null && madeBy(values[0]!, state) === 'model_compress'
  const comparesInWords = /(?:^| )(?:quality|lost|lose|losing|loss|losses|worse|better|kept|keeps?|retained|damage|degraded|degradation|still|drop|dropped|drops|suffer|suffered|suffers|difference|original)(?: |$)/.test(line)
  if (isAfterCompression && comparesInWords) return againstOriginal(state, suite)
  return {
    calls: [
      ...added,
      ...values.map((model) => draft('model_evaluate', { model, suite }, 'How good a model is must be measured.')),
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
  const asksWhich = clause.mood === 'question' && /(?:^| )(?:better|worse|best|stronger|smarter|more accurate|differ|difference|outperform|outperforms|beat|beats|good as)(?: |$)/.test(line)
  if (!asksWhich && verb !== 'compare') return null
  if (asksWhich && /(?:^| )(?:document|note|say|paper)(?: |$)/.test(line)) return null
  const names = namesOf(words, verb === 'compare' ? at + 1 : 0, { plainWords: verb === 'compare' })
  if (asksWhich && names.length < 2 && !(names.length === 1 && state.model !== null) && !(state.models.length > 0 && REFERS.test(line)) && !(state.models.length >= 2)) return null
  const { values, added } = resolve(names, state)
  const suite = suiteOf(words)
  const pair = (first: Value, second: Value) => draft('model_compare', { first, second, suite }, 'Two models are compared on the same items.')
  if (values.length >= 2) return { calls: [...added, ...values.slice(1).map((second) => pair(values[0]!, second))] }
  if (values.length === 1) {
    const other = state.models.filter((model) => model !== values[0]).filter(isMade).at(-1) ?? state.models.filter((model) => model !== values[0]).at(-1)
    if (other !== undefined) return { calls: [...added, pair(values[0]!, other)] }
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

export const merging: Rule = (input) => {
  const { clause, verb } = input
  const { words, line } = clause
  if (clause.mood === 'question' || !(verb === 'merge' || (verb === 'average' && /(?:^| )(?:model|weights)(?: |$)/.test(line)))) return null
  const meant = modelsMeant(input)
  const added = meant.added
  const other = input.state.model
  const values = meant.values.length === 1 && other !== null && other !== meant.values[0] ? [other, ...meant.values] : meant.values
  if (values.length < 2) return { why: 'Two models or more are needed for a merge.' }
  const base = baseOf(words)
  const models = values.filter((value) => value !== base)
  return {
    calls: [...added, draft('model_merge', { models, method: methodOf(words), base, id: newNameOf(words) }, 'One model is to be made of several.')],
  }
}

function baseOf(words: readonly Word[]): string | null {
  for (let at = 1; at < words.length; at++) {
    const left = lineOf(words.slice(Math.max(0, at - 4), at))
    if (/(?:^| )base(?: model)?(?: is| being| =)?$/.test(left) && words[at]!.kind === 'id') return words[at]!.text
    if (/^(?:as)$/.test(words[at]!.norm) && /^as (?:the |a )?base(?: |$)/.test(lineOf(words.slice(at, at + 3))) && words[at - 1]!.kind === 'id') return words[at - 1]!.text
  }
  return null
}

export const training: Rule = (input) => {
  const { clause, verb, state } = input
  const { words, line } = clause
  if (clause.mood === 'question' || !(verb === 'train' || verb === 'teach')) return null
  const data = pathsOf(words).filter((path) => !isModelFile(path))
  const without = { ...input, clause: { ...clause, words: words.filter(({ kind, text }) => kind !== 'path' || isModelFile(text)) } }
  const { values, added } = modelsMeant(without)
  if (values.length === 0) return NO_MODEL
  const files = data.length > 0 ? data : state.path !== null ? [state.path] : []
  if (files.length === 0) return { why: 'It does not say which file the model is to learn from.' }
  const rest = {
    method: /(?:^| )lora(?: |$)/.test(line) ? 'lora' : null,
    adapter: /(?:^| )(?:keep|as|only|just) (?:an |the )?adapter(?: |$)/.test(line) ? true : null,
    steps: numberOf(words, /^(?:steps?|updates?|iterations?)$/),
    epochs: numberOf(words, /^epochs?$/) ?? (/(?:^| )(?:one|an) epoch/.test(line) ? 1 : /(?:^| )two epochs/.test(line) ? 2 : /(?:^| )three epochs/.test(line) ? 3 : null),
    id: newNameOf(words),
  }
  return { calls: [...added, ...values.slice(0, 4).map((model) => draft('model_train', { model, data: files, ...rest }, 'A model is to learn from texts.'))] }
}

export const measuringGeometry: Rule = (input) => {
  const { clause } = input
  if (!/(?:^| )(?:geometry|intrinsic|cka|spectrum|spectra|spectral|stable ranks?|loss barriers?)(?: |$)/.test(clause.line)) return null
  if (clause.mood === 'question' && !/(?:^| )of (?:the )?(?:model|<id>|it)/.test(clause.line)) return null
  const { values, added } = modelsMeant(input)
  if (values.length === 0) return clause.mood === 'question' ? null : NO_MODEL
  return { calls: [...added, draft('geometry_measure', { models: values }, 'The geometry of models is asked for.')] }
}

const HUB = /^(?:https?:\/\/[^/]+\/)?([\w.-]+\/[\w.-]+(?:@[\w.-]+)?)\/?$/

export const pulling: Rule = ({ clause, verb }) => {
  if (clause.mood === 'question' || !/^(?:pull|get|take|bring|install|import|add|copy)$/.test(verb ?? '')) return null
  const source = clause.words.find(
    ({ kind, text }) =>
      (kind === 'url' && HUB.test(text)) ||
      (kind === 'path' && HUB.test(text) && !isFile(text)) ||
      (kind === 'id' && /^village:/.test(text)) ||
      (kind === 'quoted' && HUB.test(text)),
  )
  if (source === undefined) {
    if (verb !== 'pull' || !/(?:^| )model(?: |$)|<id>/.test(clause.line)) return null
    const [name] = namesOf(clause.words, 1)
    if (name !== undefined && /(?:^| )village(?: |$)/.test(clause.line)) return call('model_pull', { source: `village:${name.text}`, id: newNameOf(clause.words) }, 'A model of the village is asked for.')
    return name === undefined ? { why: 'It does not say where the model is: OWNER/NAME of the hub, or village:ID.' } : call('model_pull', { source: name.text }, 'A model is to be fetched.')
  }
  if (verb !== 'pull' && source.kind === 'path' && !/(?:^| )(?:model|hub|hugging|huggingface|hf)(?: |$)/.test(clause.line) && verb !== 'get' && verb !== 'install') return null
  const text = source.kind === 'id' ? source.text : HUB.exec(source.text)![1]!
  return call('model_pull', { source: text, id: newNameOf(clause.words) }, 'A model is to be fetched.')
}

export const adding: Rule = ({ clause, verb }) => {
  if (clause.mood === 'question' || !/^(?:add|import|load|put|install|use|take)$/.test(verb ?? '')) return null
  const isModel = /(?:^| )(?:model|<id>)(?: |$)/.test(clause.line)
  const path = pathsOf(clause.words).find((one) => isModelFile(one) || isModel)
  const id = newNameOf(clause.words)
  if (path !== undefined && verb !== 'use' && verb !== 'take') return call('model_add', { path, id }, 'A model of this machine is to be added.')
  if (!clause.words.some(({ lower }) => /^(?:embedded|built-in|builtin|bundled|comes|shipped|ships|included)$/.test(lower))) return null
  const [name] = namesOf(clause.words, 1)
  return name === undefined ? null : call('model_add', { embedded: name.text, id }, 'A model that comes with the daemon is to be added.')
}

export const waitedFor: Rule = ({ clause, verb, state }) => {
  if (verb !== 'wait' || state.job === null || /(?:^| )(?:<id>|minute|minutes|second|seconds|hour|hours)(?: |$)/.test(clause.line)) return null
  return NOTHING_MORE
}

/** What is said of the last step after it: `keep 97 % of the quality`, `use ties`, `call it small`. */
export const amending: Rule = ({ clause, verb, state }) => {
  const last = state.drafts.at(-1)
  const { words, line, mood } = clause
  if (last === undefined || mood === 'question' || words.some((word) => word.kind === 'path')) return null
  const isNaming = /^(?:call|name|save|store) (?:it|that|this|them|the (?:result|new|model|compress|merge|train|one|collection)(?: (?:model|one))?)(?: (?:as|under))? /.test(line)
  if (isNaming && last.tool === 'knowledge_index') {
    const collection = collectionOf(words, true)
    return collection === null ? null : { amends: { collection } }
  }
  const id = isNaming ? (newNameOf(words) ?? (/^(?:id|word|quoted)$/.test(words.at(-1)!.kind) ? words.at(-1)!.text : null)) : null
  if (id !== null && /^model_(?:compress|merge|train|add|pull)$/.test(last.tool)) return { amends: { id } }
  if (!/^(?:keep|use|lose|aim|target|make|have|do|go|try|stay|retain|preserve|with|run|take|want|need)$/.test(verb ?? words[0]!.norm)) return null
  if (namesOf(words, 1, { plainWords: false }).length > 0) return null
  if (last.tool === 'model_compress') {
    const targets = targetsOf(words)
    const [codec] = codecsOf(words)
    const isTarget = Object.keys(targets).length > 0 && /^(?:keep|lose|aim|target|use|stay|retain|preserve|want|need)$/.test(verb ?? words[0]!.norm)
    if (isTarget || (codec !== undefined && verb === 'use')) return { amends: { ...targets, ...(codec !== undefined && { codec }) } }
  }
  if (last.tool === 'model_merge' && methodOf(words) !== null) return { amends: { method: methodOf(words)! } }
  if (last.tool === 'model_train') {
    const epochs = numberOf(words, /^epochs?$/)
    const steps = numberOf(words, /^(?:steps?|updates?|iterations?)$/)
    const method = /(?:^| )lora(?: |$)/.test(line) ? 'lora' : null
    if (epochs !== null) return { amends: { epochs } }
    if (steps !== null) return { amends: { steps } }
    if (method !== null) return { amends: { method } }
  }
  return null
}
