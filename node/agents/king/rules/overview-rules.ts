/** Models, and several lists by one verb. */
import type { Word } from '../clause.ts'
import { isOwnMatter } from '../own-matters.ts'
import { namesOf, pathsOf } from '../slots.ts'
import { call, draft, ORIGINAL, REFERS, type Rule } from './rule.ts'
import { countIn, isShown, SHOWS, stateOf } from './work-rules.ts'

export const listedModels: Rule = (input) => {
  const { clause, verb, at, state } = input
  const { line, words, mood } = clause
  const paths = pathsOf(words)
  if (paths.length > 0 && !/(?:^| )model(?: |$)/.test(line)) return null
  const hasNoun = /(?:^| )model(?: |$)/.test(line)
  const inspects =
    verb === 'inspect' ||
    /(?:^| )(?:details|detail|tensors|layers|parameters|params|inputs|outputs|operators|architecture|info|information|specs|codec|weights|card|facts|dims|inside|how (?:big|large|heavy|many (?:parameters|layers|tensors|weights|bytes|megabytes))|size|bytes|megabytes|what is (?:in|inside)|(?:bigger|larger|smaller|heavier|more|less|over|under) (?:than )?(?:<size>|<id>|(?:a|one|two|half a) (?:megabyte|gigabyte|mb|gb))|everything about|what it is|structure|make-up|shape|shapes|quantised|precision|dtype|opset|graph)(?: |$)/.test(
      line,
    )
  if (!isShown(input) && verb !== 'inspect') return null
  // `tell me about encoder`: of a model of this node, not of a thing in the documents.
  const told = ownModelTold(words, line) ?? ownModelKind(words, line)
  if (told !== null) return call('model_inspect', { model: told }, 'A model is asked for.')
  const names = namesOf(words, verb === null ? 1 : at + 1, { plainWords: false })
  const about =
    /(?:^| )(?:say|mention|document|note|how do|why|explain|work|mean|best for|should|would|will|could|happen|if)(?: |$)/.test(
      line,
    )
  if (names.length > 0 && (inspects || (hasNoun && mood === 'order')) && !about && isOwnMatter(words)) {
    return {
      calls: names
        .slice(0, 8)
        .map((name) => draft('model_inspect', { model: name.text }, 'A model is asked for.')),
    }
  }
  if (
    inspects &&
    names.length === 0 &&
    state.model !== null &&
    REFERS.test(line) &&
    (verb === 'inspect' ||
      (verb === 'look' && /^look (?:at|into|inside)(?: |$)/.test(line)) ||
      /(?:^| )its (?:parameters|params|tensors|layers|inputs|outputs|architecture|operators)(?: |$)/.test(
        line,
      ) ||
      (typeof state.model === 'string' && !about && isOwnMatter(words)) ||
      /(?:what|all|everything) (?:is )?(?:in|inside) (?:it|that)/.test(line))
  )
    return call(
      'model_inspect',
      { model: ORIGINAL.test(line) && state.original !== null ? state.original : state.model },
      'A model is asked for.',
    )
  if (!hasNoun || about || names.length > 0 || !isOwnMatter(words)) return null
  if (verb !== null && !SHOWS.test(verb)) return null
  if (
    mood === 'question' &&
    !/(?:what|which|how many|any|list|(?:are|is) there|(?:do|have) (?:i|we|you)|all|tell)(?: .*)? model(?: |$)/.test(
      line,
    )
  )
    return null
  return call('model_list', { kind: kindOfModels(words) }, 'The models are asked for.')
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^(?:language|chat|llms?|lms?)$/, 'language'],
  [/^encoders?$/, 'encoder'],
  [/^adapters?$/, 'adapter'],
  [/^packed$/, 'packed'],
  [/^safetensors$/, 'safetensors'],
  [/^onnx$/, 'onnx'],
]

/** `only the encoders`. */
export const kindOfModels = (words: readonly Word[]): string | null =>
  KINDS.find(([pattern]) =>
    words.some(({ lower, norm }) => pattern.test(lower) || pattern.test(norm)),
  )?.[1] ?? null

const TELLS_ABOUT =
  /^(?:tell (?:me|us)(?: (?:more|something|everything|all|a bit|a little))?|what (?:do|can) you (?:know|tell me)|what is known|give me (?:the )?(?:details|information|info)|describe|show me) (?:about |of |on )?(?:the |our |my )?(?:model )?<id>(?: (?:model|please))?$/

function ownModelTold(words: readonly Word[], line: string): string | null {
  const model = words.find(({ own }) => own?.model !== undefined)?.own?.model
  return model !== undefined && TELLS_ABOUT.test(line) ? model : null
}

const OF_KIND =
  /(?:^| )(?:whether|if|is|what kind of|which kind of|what sort of|what type of) (?:model )?(?:the )?(?:<id>|encoder)(?: is)?(?: (?:a|an|in|of|already|still))*(?: (?:onnx|safetensors|packed|compress|language|adapter|encoder|quantised|model|format|it|is))*(?: model)?$/

/** `whether encoder is an ONNX model`. */
function ownModelKind(words: readonly Word[], line: string): string | null {
  const model = words.find(({ own }) => own?.model !== undefined)?.own?.model
  const isOfKind =
    /(?:^| )(?:onnx|safetensors|packed|language model|adapter|quantised|kind|sort|type|format)(?: |$)/.test(
      line,
    )
  return model !== undefined && isOfKind && OF_KIND.test(line) ? model : null
}

const OVERVIEWS: readonly (readonly [RegExp, string])[] = [
  [/^job$/, 'job_list'],
  [/^model$/, 'model_list'],
  [/^collection$/, 'knowledge_collections'],
  [/^member$/, 'member_list'],
  [/^(?:round|evolve-doing)$/, 'round_list'],
  [/^(?:status|health)$/, 'node_status'],
  [/^(?:time|date)$/, 'time_now'],
]

/** `show me my jobs, the models and the status`: several lists by one verb. */
export const overview: Rule = (input) => {
  const { words, line } = input.clause
  if (
    !isShown(input) ||
    !/(?: and | , | \+ | & )/.test(line) ||
    /(?:^| )(?:say|mention|about|document|note|for|why|how do)(?: |$)/.test(line)
  )
    return null
  if (words.some(({ kind }) => /^(?:id|path|quoted|url|size|number)$/.test(kind))) return null
  const tools = words.flatMap(({ norm }, at) =>
    norm === 'model' && /^(?:list|show)$/.test(words[at + 1]?.norm ?? '')
      ? []
      : (OVERVIEWS.find(([noun]) => noun.test(norm))?.[1] ?? []),
  )
  const once = [...new Set(tools)]
  return once.length < 2
    ? null
    : {
        calls: once.map((tool) =>
          draft(
            tool,
            tool === 'job_list' ? { state: stateOf(line), limit: countIn(words) } : {},
            'Several lists are asked for.',
          ),
        ),
      }
}
