/** Texts of language models, and vectors of texts. */
import { type Clause, lineOf, type Word } from '../clause.ts'
import { namesOf, numberOf } from '../slots.ts'
import { call, draft, NOTHING_MORE, type Outcome, type Rule, type RuleInput, wordsFrom } from './rule.ts'

export const generating: Rule = (input: RuleInput): Outcome | null => {
  const { clause, verb, at, state } = input
  const { words, line, mood, source } = clause
  if (mood === 'question') return null
  const quoted = words.filter(({ kind }) => kind === 'quoted')
  const names = namesOf(words.slice(0, 12), Math.max(0, at), { plainWords: false }).filter(
    (word) => word.kind === 'id' && !/^\d/.test(word.text),
  )
  const uses =
    /^(?:(?:let|ask|use|prompt|have|tell) (?:the (?:language )?model )?<id>|(?:get|make) (?:the (?:language )?model )?<id> (?:to )?(?:write|generate|complete|continue|say|tell|finish|produce|invent))(?: |$)/.test(
      line,
    ) ||
    /(?:^| )(?:with|using|by|from|on) (?:the (?:language )?model )?<id>(?: |$)/.test(line) ||
    /(?:^| )language model(?: |$)/.test(line)
  const lets =
    state.model !== null &&
    /^(?:let|have|make|get|use|ask|tell) (?:it|that|that model|the model|the result|the new model)(?: to)? (?:write|generate|complete|continue|tell|say|finish|produce|add|invent|speak|answer|go on)(?: |$)/.test(
      line,
    )
  const writes =
    /^(?:finish|produce|invent|generate|write|continue|complete|say|translate|prompt|let|ask|use|get|have|make|tell|run|want|give)$/.test(
      verb ?? '',
    )
  if (!writes) return null
  const isText =
    /(?:^| )(?:story|stories|poem|text|letter|song|haiku|joke|sentence|paragraph|essay|tale|verse|words|tokens|prompt|continue|complete|generate|limerick|dialogue|slogan|email|message|greeting|blog)(?: |$)/.test(
      line,
    )
  const model =
    names[0]?.text ??
    (/(?:^| )(?:it|that model|the model|the new model|the (?:merge|train|compress) (?:model|one))(?: |$)/.test(
      line,
    ) &&
    state.model !== null &&
    isText
      ? state.model
      : null)
  if (
    !lets &&
    !(uses && (isText || quoted.length > 0 || /^(?:let|ask|prompt|have|use|tell)/.test(line))) &&
    !(isText && /^(?:generate|write|continue|complete)$/.test(verb!)) &&
    !(quoted.length > 0 && /^(?:continue|complete|generate|prompt)$/.test(verb!))
  )
    return null
  if (/(?:^| )(?:embed|compress|evaluate|train|merge)(?: |$)/.test(line)) return null
  if (/(?:^| )(?:summary|summarise-doing|document|note|collection)(?: |$)/.test(line) && names.length === 0)
    return null
  const behind = words.findIndex(
    (word, index) => index > at && /^(?:to|:|what|with)$/.test(word.norm) && index > words.indexOf(names[0]!),
  )
  // `let x write two sentences`: what it is to write begins at the verb.
  const spoken =
    names.length > 0 && /^(?:let|have|make|get|ask|tell)$/.test(verb ?? '')
      ? words.findIndex(
          ({ norm }, index) =>
            index > words.indexOf(names[0]!) &&
            /^(?:write|generate|complete|continue|tell|say|finish|produce)$/.test(norm),
        )
      : -1
  const told = toldBehind(words, source)
  const same = samePrompt(line, state)
  const prompt =
    quoted.length > 0
      ? quoted.at(-1)!.text
      : same !== null
        ? same
        : told !== null
          ? told
          : names.length > 0 && uses && behind > 0 && behind < words.length - 1
            ? wordsFrom(words, words[behind]!.norm === 'what' ? behind : behind + 1, source)
            : wordsFrom(words, spoken > 0 ? spoken : at, source)
  if (prompt === null) return { why: 'It does not say what the model is to write.' }
  // `read it and let x continue it`: what was found is the beginning.
  const isFound =
    quoted.length === 0 &&
    state.text !== null &&
    state.drafts.at(-1)?.tool === 'file_read' &&
    /(?:^| )(?:continue|complete|finish|go on)(?: (?:with|from))? (?:it|that|this|them|the (?:text|file|story|poem|letter|draft|beginning))$/.test(
      line,
    )
  if (isFound)
    return call(
      'model_generate',
      { model, prompt: state.text, maxTokens: numberOf(words, /^tokens?$/) },
      'A language model is to go on with a text.',
    )
  const models = names.length > 1 ? names.map(({ text }) => text) : [model]
  return {
    calls: models
      .slice(0, 4)
      .map((one) =>
        draft(
          'model_generate',
          { model: one, prompt, maxTokens: numberOf(words, /^tokens?$/) },
          'A language model is to write a text.',
        ),
      ),
  }
}

/** `let the other continue the very same words`: those of the step before. */
function samePrompt(line: string, { drafts }: RuleInput['state']): string | null {
  const prompt = drafts.at(-1)?.tool === 'model_generate' ? drafts.at(-1)!.arguments.prompt : undefined
  return typeof prompt === 'string' && /(?:^| )(?:the |this |that )?(?:very )?same(?: |$)/.test(line)
    ? prompt
    : null
}

/** `let x carry on from here: the last ferry had left`. */
const toldBehind = (words: readonly Word[], source: string): string | null =>
  /^\s*:\s*(\S[\s\S]*)$/.exec(source.slice(words.at(-1)?.end ?? source.length))?.[1]?.trim() ?? null

const WRITES = /^(?:write|generate|complete|continue|tell|say|finish|produce|invent|compose|add|go)$/

/** What a model is to write, where it is known that it is to write: what stands in quotes, else what comes behind the model or its verb. */
export function promptIn(
  { words, source }: Clause,
  model: Word | undefined,
): { readonly prompt: string; readonly maxTokens: number | null } | null {
  const quoted = words.findLast(({ kind }) => kind === 'quoted')
  const told = toldBehind(words, source)
  if (told !== null && quoted === undefined) return { prompt: told, maxTokens: numberOf(words, /^tokens?$/) }
  const behind = model === undefined ? 0 : words.indexOf(model) + 1
  const verb = words.findIndex(({ norm }, at) => at >= behind && WRITES.test(norm))
  const prompt =
    quoted?.text ?? wordsFrom(words, verb >= 0 ? verb : behind, source) ?? wordsFrom(words, 0, source)
  return prompt === null ? null : { prompt, maxTokens: numberOf(words, /^tokens?$/) }
}

export const embedding: Rule = ({ clause: { words, line, mood, source }, verb, state }) => {
  const quoted = words.filter(({ kind }) => kind === 'quoted')
  const isSimilarity =
    /(?:^| )(?:similar|similarity|alike|close|mean the same|same meaning|related)(?: |$)/.test(line)
  const asks =
    verb === 'embed' ||
    /(?:^| )embed-doing(?: |$)/.test(line) ||
    (/(?:^| )vector(?: |$)/.test(line) && quoted.length > 0) ||
    (isSimilarity && quoted.length >= 2)
  if (!asks || (mood === 'question' && quoted.length === 0)) return null
  if (
    quoted.length === 0 &&
    state.drafts.at(-1)?.tool === 'text_embed' &&
    /^embed (?:both|them|it|these|the two)$/.test(line)
  )
    return NOTHING_MORE
  if (quoted.length === 0) {
    const text = wordsFrom(
      words,
      /^(?:embed )?(?:the )?(?:text|sentence|words?|phrase) /.test(lineOf(words)) ? 3 : 1,
      source,
    )
    return text === null
      ? { why: 'It does not say which text.' }
      : call('text_embed', { texts: [text] }, 'Vectors of texts are asked for.')
  }
  const last = state.drafts.at(-1)
  const before =
    last?.tool === 'text_embed' && Array.isArray(last.arguments.texts) ? last.arguments.texts : []
  // `embed it together with "b"`: one call with both.
  if (
    before.length > 0 &&
    /(?:^| )(?:it|that|this|them|both|those) (?:together|along|and|with|plus|,)/.test(line)
  )
    return { amends: { texts: [...new Set([...before, ...quoted.map(({ text }) => text)])] } }
  const [model] = namesOf(
    words.filter(({ kind }) => kind === 'id'),
    0,
    { plainWords: false },
  )
  const vectors = /(?:^| )(?:vector|embed-doing)(?: |$)/.test(line) && !isSimilarity ? true : null
  return call(
    'text_embed',
    { texts: quoted.map(({ text }) => text), model: model?.text, vectors },
    'Vectors of texts are asked for.',
  )
}
