/** Models that are made of others: compressed, merged, trained. */

import type { JsonObject } from '../../../json.ts'
import { lineOf, type Word } from '../clause.ts'
import { collectionOf } from '../collection-names.ts'
import { codecsOf, isModelFile, methodOf, namesOf, newNameOf, numberOf, pathsOf } from '../slots.ts'
import { targetsOf } from '../targets.ts'
import { readTokens } from '../tokens.ts'
import { OVERWRITES } from './file-rules.ts'
import { isLocalOnly } from './knowledge-rules.ts'
import { QUALITY } from './measure-rules.ts'
import { isMade, modelsMeant, NO_MODEL } from './model-values.ts'
import { call, type Draft, draft, from, type Outcome, type Rule, type RuleInput } from './rule.ts'

/** `I have 900 kB free. Shrink it to at most that`: the size that was said before. */
function freeSpace({ words, line, source }: RuleInput['clause']): JsonObject {
  if (
    !/(?:^| )(?:at most|to|under|below|within|into|in|than|fit) (?:that|there|this)(?: much| size| space)?(?: |$)/.test(
      line,
    )
  )
    return {}
  const said = readTokens(source.slice(0, words[0]!.start)).findLast(({ kind }) => kind === 'size')
  return typeof said?.value === 'number' ? { maxBytes: said.value } : {}
}

export const compressing: Rule = (input) => {
  const { clause, verb, state } = input
  const { words, line } = clause
  const targets: JsonObject = { ...freeSpace(clause), ...targetsOf(words) }
  const hasSize = targets.maxBytes !== undefined || targets.ratio !== undefined
  const isSmaller =
    /^(?:make|get|bring|reduce|take|keep|turn|fit|convert|put|need|want|have|go|try|use|test|run)$/.test(
      verb ?? '',
    ) &&
    (hasSize ||
      /(?:^| )(?:small|smaller|tiny|tinier|lighter|size|footprint|compact)(?: |$)/.test(line) ||
      (/^(?:convert|turn|make|take|bring|get|try|use|test|run|put|want|need)$/.test(verb ?? '') &&
        codecsOf(words).length > 0))
  // `make sure that x is under 4 MB`.
  const isToFit =
    verb === null &&
    hasSize &&
    /(?:^| )(?:<id>|it|model|that|this|they|one) (?:(?:must|should|have to|need to|needs to|has to|ought to|may|can|could|will|is|are|not|only|really|just|go to|to|at|most) )*(?:is|be|stay|stays|fit|fits|remain|remains|end|ends|take|takes|have|weigh|occupy|exceed|under|below|no (?:bigger|larger|more)|(?<=(?:to|most|is|be) )<size>)(?: |$)/.test(
      line,
    )
  if (clause.mood === 'question' || !(verb === 'compress' || isSmaller || isToFit)) return null
  if (
    isSmaller &&
    verb !== 'compress' &&
    !hasSize &&
    !/(?:^| )(?:smaller|small|tiny|tinier|lighter|size|footprint|compact|model)(?: |$)/.test(line) &&
    codecsOf(words).length === 0
  )
    return null
  if (verb === 'convert' && codecsOf(words).length === 0) return null
  const how = words.findIndex(
    ({ norm, lower }, index) =>
      index > 0 &&
      /^(?:with|using|by|via|through)$/.test(norm) &&
      /^(?:the|a|some|whatever|whichever|any|planes|[a-z]+)$/.test(words[index + 1]?.lower ?? lower),
  )
  const named =
    how > 0 ? { ...clause, words: words.slice(0, how), line: lineOf(words.slice(0, how)) } : clause
  const { values, added } = modelsMeant({ ...input, clause: named })
  // `compress it again`: from what there was, not from what is packed already.
  const isAnew = /(?:^| )(?:original|again|instead|too|also|as well|another|time)(?: |$)/.test(line)
  const models =
    isAnew && values.length === 1 && isMade(values[0]!) && state.original !== null ? [state.original] : values
  if (models.length === 0) return NO_MODEL
  const codecs = codecsOf(words)
  const id = newNameOf(words) ?? resultName(words)
  const versions = versionsIn(words)
  const parts = codecs.length > 1 ? namedParts(words) : []
  const calls =
    parts.length > 1
      ? parts
      : versions.length > 1
        ? models.flatMap((model) =>
            versions.map((version) =>
              draft('model_compress', { model, ...version }, 'A smaller model is asked for.'),
            ),
          )
        : models.flatMap((model) =>
            (codecs.length === 0 ? [null] : codecs).map((codec) =>
              draft(
                'model_compress',
                { model, codec, ...targets, id: models.length * codecs.length > 1 ? null : id },
                'A smaller model is asked for.',
              ),
            ),
          )
  const isChecked = isToFit && QUALITY.test(line) && targets.quality === undefined && calls.length === 1
  const check = isChecked
    ? [
        draft(
          'model_compare',
          { first: models[0]!, second: from(state.drafts.length + added.length + 1, 'model') },
          'What was lost shows beside the original.',
        ),
      ]
    : []
  return { calls: [...added, ...calls, ...check] }
}

/** `compress it with trellis to town-small`: a name that no model has yet. */
const resultName = (words: readonly Word[]): string | null =>
  words.find(
    (word, at) =>
      word.kind === 'id' &&
      word.own === undefined &&
      /^(?:to|into)$/.test(words[at - 1]?.norm ?? '') &&
      codecsOf([word]).length === 0 &&
      /\p{L}/u.test(word.text),
  )?.text ?? null

const VERSION = /^(?:one|once|another|other)$/
const VERSION_HOW = /^(?:at|with|to|in|under|using|by|of|below)$/

/** `one at 3 bits and one at 2`: what each is to be; a bare number has the unit of the one before. */
function versionsIn(words: readonly Word[]): JsonObject[] {
  const starts = words.flatMap(({ lower }, at) =>
    VERSION.test(lower) && VERSION_HOW.test(words[at + 1]?.norm ?? '') ? [at] : [],
  )
  if (starts.length < 2) return []
  let hasBits = false
  const read = starts.map((start, index): JsonObject => {
    const part = words.slice(start, starts[index + 1])
    const [codec] = codecsOf(part)
    const targets = targetsOf(part)
    const number = part.find(({ kind }) => kind === 'number')?.value ?? null
    const isBare = hasBits && number !== null && Object.keys(targets).length === 0 && codec === undefined
    hasBits = targets.bits !== undefined || isBare
    return { ...(codec !== undefined && { codec }), ...targets, ...(isBare && { bits: number }) }
  })
  return read.every((version) => Object.keys(version).length > 0) ? read : []
}

/** `a-lm with seedlm as small, and a-lm with vptq as tiny`: each part names its codec, and the first its model. */
function namedParts(words: readonly Word[]): Draft[] {
  const ends = words.flatMap(({ norm }, at) => (/^(?:,|and|;)$/.test(norm) ? [at] : []))
  let model: string | null = null
  return [...ends, words.length].flatMap((end, index): Draft[] => {
    const part = words.slice(index === 0 ? 0 : ends[index - 1]! + 1, end)
    const [codec, ...more] = codecsOf(part)
    const id = newNameOf(part)
    model = part.find((word) => word.own?.model !== undefined)?.text ?? model
    return codec === undefined || more.length > 0 || id === null || model === null
      ? []
      : [draft('model_compress', { model, codec, id }, 'A smaller model is asked for.')]
  })
}

export const merging: Rule = (input) => {
  const { clause, verb } = input
  const { words, line } = clause
  if (
    clause.mood === 'question' ||
    !(verb === 'merge' || (verb === 'average' && /(?:^| )(?:model|weights)(?: |$)/.test(line)))
  )
    return null
  const meant = modelsMeant(input)
  const added = meant.added
  const other = input.state.model
  const base = baseOf(words)
  const named = meant.values.filter((value) => value !== base)
  const values =
    named.length === 1 && other !== null && other !== named[0]
      ? [other, ...named]
      : named.length < 2 &&
          namesOf(words, 1, { plainWords: false }).every(({ text }) => text === base) &&
          input.state.models.length >= 2
        ? [...input.state.models]
        : named
  if (values.length < 2) return { why: 'Two models or more are needed for a merge.' }
  const models = values.filter((value) => value !== base)
  return {
    calls: [
      ...added,
      draft(
        'model_merge',
        { models, method: methodOf(words), base, id: newNameOf(words) ?? resultName(words) },
        'One model is to be made of several.',
      ),
    ],
  }
}

function baseOf(words: readonly Word[]): string | null {
  for (let at = 1; at < words.length; at++) {
    const left = lineOf(words.slice(Math.max(0, at - 4), at))
    if (/(?:^| )base(?: model)?(?: is| being| =)?$/.test(left) && words[at]!.kind === 'id')
      return words[at]!.text
    if (
      /^(?:as)$/.test(words[at]!.norm) &&
      /^as (?:the |a )?base(?: |$)/.test(lineOf(words.slice(at, at + 3))) &&
      words[at - 1]!.kind === 'id'
    )
      return words[at - 1]!.text
  }
  return null
}

export const training: Rule = (input) => {
  const { clause, verb, state } = input
  const { words, line } = clause
  if (clause.mood === 'question' || !(verb === 'train' || verb === 'teach')) return null
  const data = pathsOf(words).filter((path) => !isModelFile(path))
  const without = {
    ...input,
    clause: { ...clause, words: words.filter(({ kind, text }) => kind !== 'path' || isModelFile(text)) },
  }
  const { values, added } = modelsMeant(without)
  if (values.length === 0) return NO_MODEL
  const files = data.length > 0 ? data : state.path !== null ? [state.path] : []
  if (files.length === 0) return { why: 'It does not say which file the model is to learn from.' }
  const rest = {
    method: /(?:^| )lora(?: |$)/.test(line) ? 'lora' : null,
    adapter:
      /(?:^| )(?:keep|as|only|just|leave)(?: (?:it|only|just|the result))*(?: as)? (?:an |the )?adapter(?: |$)/.test(
        line,
      )
        ? true
        : null,
    steps: numberOf(words, /^(?:steps?|updates?|iterations?)$/),
    epochs:
      numberOf(words, /^epochs?$/) ??
      (/(?:^| )(?:one|an) epoch/.test(line)
        ? 1
        : /(?:^| )two epochs/.test(line)
          ? 2
          : /(?:^| )three epochs/.test(line)
            ? 3
            : null),
    id: newNameOf(words),
  }
  return {
    calls: [
      ...added,
      ...values
        .slice(0, 4)
        .map((model) =>
          draft('model_train', { model, data: files, ...rest }, 'A model is to learn from texts.'),
        ),
    ],
  }
}

const MAX_LIMIT_WORDS = 10

/** `5x smaller.` as a sentence of its own. */
const MAX_TARGET_WORDS = 6

/** What is said of the last step after it: `keep 97 % of the quality`, `use ties`, `call it small`. */
export const amending: Rule = ({ clause, verb, state }): Outcome | null => {
  const last = state.drafts.at(-1)
  const { words, line, mood } = clause
  // `if it keeps less than 98 %, use trellis instead`: another step, not more of the last one.
  const isOther = clause.condition !== null && /(?:^| )(?:instead|again)(?: |$)/.test(line)
  if (last === undefined || isOther || mood === 'question' || words.some((word) => word.kind === 'path'))
    return null
  const tokens = numberOf(words, /^tokens?$/)
  if (last.tool === 'model_generate' && tokens !== null && words.length <= 8)
    return { amends: { maxTokens: tokens } }
  if (
    last.tool === 'knowledge_index' &&
    words.some(
      ({ lower }) =>
        /^(?:watch|watching|sync|synced|follow|following|followed|monitor|monitoring|watched)$/.test(lower) ||
        /(?:^| )(?:up to date|in step with|keep (?:up|pace) with)(?: |$)/.test(line) ||
        /(?:^| )keep (?:an eye|track)(?: |$)/.test(line),
    )
  )
    return { amends: { watch: true } }
  if (last.tool === 'file_write' && OVERWRITES.test(line)) return { amends: { replace: true } }
  if (/^knowledge_(?:ask|search)$/.test(last.tool) && isLocalOnly(line) && words.length <= MAX_LIMIT_WORDS)
    return { amends: { local: true } }
  const isNaming =
    /^(?:call|name|save|store) (?:it|that|this|them|the (?:result|new|model|compress|merge|train|one|collection)(?: (?:model|one))?)(?: (?:as|under))? /.test(
      line,
    )
  if (isNaming && last.tool === 'knowledge_index') {
    const collection = collectionOf(words, true)
    return collection === null ? null : { amends: { collection } }
  }
  const id = isNaming
    ? (newNameOf(words) ?? (/^(?:id|word|quoted)$/.test(words.at(-1)!.kind) ? words.at(-1)!.text : null))
    : null
  if (id !== null && /^model_(?:compress|merge|train|add|pull)$/.test(last.tool)) return { amends: { id } }
  const isBareTarget =
    mood === 'statement' &&
    verb === null &&
    words.length <= MAX_TARGET_WORDS &&
    last.tool === 'model_compress'
  // `and, if that fails, at 4x`: once more, with another target.
  if (isBareTarget && clause.condition !== null && Object.keys(targetsOf(words)).length > 0)
    return call(
      'model_compress',
      { model: last.arguments.model, codec: last.arguments.codec, ...targetsOf(words) },
      'Another target is to be tried.',
    )
  if (isBareTarget && Object.keys(targetsOf(words)).length > 0) return { amends: targetsOf(words) }
  if (
    !/^(?:keep|use|lose|aim|target|make|have|do|go|try|stay|retain|preserve|with|run|take|want|need)$/.test(
      verb ?? words[0]!.norm,
    )
  )
    return null
  if (namesOf(words, 1, { plainWords: false }).length > 0) return null
  if (last.tool === 'model_compress') {
    const targets = targetsOf(words)
    const [codec] = codecsOf(words)
    const isTarget =
      Object.keys(targets).length > 0 &&
      /^(?:keep|lose|aim|target|use|stay|retain|preserve|want|need)$/.test(verb ?? words[0]!.norm)
    if (isTarget || (codec !== undefined && verb === 'use'))
      return { amends: { ...targets, ...(codec !== undefined && { codec }) } }
  }
  if (last.tool === 'model_merge' && methodOf(words) !== null) return { amends: { method: methodOf(words)! } }
  if (last.tool === 'model_train') {
    const epochs = numberOf(words, /^epochs?$/)
    const steps = numberOf(words, /^(?:steps?|updates?|iterations?)$/)
    const method = /(?:^| )lora(?: |$)/.test(line) ? 'lora' : null
    if (epochs !== null) return { amends: { epochs } }
    if (steps !== null) return { amends: { steps } }
    if (method !== null) return { amends: { method } }
    if (/(?:^| )adapter(?: |$)/.test(line)) return { amends: { adapter: true } }
  }
  return null
}
