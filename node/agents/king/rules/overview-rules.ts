/** Models, and several lists by one verb. */
import { isOwnMatter } from '../own-matters.ts'
import { namesOf, pathsOf } from '../slots.ts'
import { call, draft, ORIGINAL, REFERS, type Rule } from './rule.ts'
import { isShown, SHOWS, stateOf } from './work-rules.ts'

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
  const kind =
    /(?:^| )(?:language|chat|llm)(?: |$)/.test(line) ||
    words.some(({ lower }) => /^(?:llms?|lms?)$/.test(lower))
      ? 'language'
      : /(?:^| )encoders?(?: |$)/.test(line)
        ? 'encoder'
        : /(?:^| )adapter(?: |$)/.test(line)
          ? 'adapter'
          : null
  return call('model_list', { kind }, 'The models are asked for.')
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
          draft(tool, tool === 'job_list' ? { state: stateOf(line) } : {}, 'Several lists are asked for.'),
        ),
      }
}
