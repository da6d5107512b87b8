/** Models that come in: from a hub, the village, or a file. */
import { isFile, isModelFile, isModelFolder, namesOf, newNameOf, pathsOf } from '../slots.ts'
import { HUB } from './model-values.ts'
import { call, draft, NOTHING_MORE, type Rule } from './rule.ts'

export const pulling: Rule = ({ clause, verb, state }) => {
  if (clause.mood === 'question' || !/^(?:pull|get|take|bring|install|import|add|copy)$/.test(verb ?? ''))
    return null
  const source = clause.words.find(
    ({ kind, text }) =>
      (kind === 'url' && HUB.test(text)) ||
      (kind === 'path' && HUB.test(text) && !isFile(text)) ||
      (kind === 'id' && /^village:/.test(text)) ||
      (kind === 'quoted' && HUB.test(text)),
  )
  if (source === undefined) {
    if (
      typeof state.model === 'string' &&
      /^village:/.test(state.model) &&
      /(?:^| )(?:it|that|this|here)(?: |$)/.test(clause.line)
    )
      return call(
        'model_pull',
        { source: state.model, id: newNameOf(clause.words) },
        'A model of the village is asked for.',
      )
    if (verb !== 'pull' || !/(?:^| )model(?: |$)|<id>/.test(clause.line)) return null
    const [name] = namesOf(clause.words, 1)
    if (name !== undefined && /(?:^| )village(?: |$)/.test(clause.line))
      return call(
        'model_pull',
        { source: `village:${name.text}`, id: newNameOf(clause.words) },
        'A model of the village is asked for.',
      )
    return name === undefined
      ? { why: 'It does not say where the model is: OWNER/NAME of the hub, or village:ID.' }
      : call('model_pull', { source: name.text }, 'A model is to be fetched.')
  }
  if (
    verb !== 'pull' &&
    source.kind === 'path' &&
    !/(?:^| )(?:model|hub|hugging|huggingface|hf)(?: |$)/.test(clause.line) &&
    verb !== 'get' &&
    verb !== 'install'
  )
    return null
  const text = source.kind === 'id' ? source.text : HUB.exec(source.text)![1]!
  return call('model_pull', { source: text, id: newNameOf(clause.words) }, 'A model is to be fetched.')
}

const ADDS = /^(?:add|import|load|put|install|use|take|get|save|have|make|bring|want|need)$/

export const adding: Rule = ({ clause, verb, state }) => {
  if (clause.mood === 'question' || !ADDS.test(verb ?? '')) return null
  const isPlain = /^(?:add|import|load|put|install|save|bring)$/.test(verb!)
  if (
    state.modelFile !== null &&
    isPlain &&
    pathsOf(clause.words).length === 0 &&
    !/(?:^| )collection(?: |$)/.test(clause.line)
  ) {
    const id = newNameOf(clause.words)
    return call('model_add', { path: state.modelFile, id }, 'A model of this machine is to be added.')
  }
  const isModel = /(?:^| )(?:model|<id>)(?: |$)/.test(clause.line)
  const path = pathsOf(clause.words).find((one) => isModelFile(one) || isModelFolder(one) || isModel)
  const id = newNameOf(clause.words)
  if (path !== undefined && isPlain)
    return call('model_add', { path, id }, 'A model of this machine is to be added.')
  if (
    !/\b(?:embedded|built-?in|bundled|preinstalled|pre-installed|(?:comes?|came|ships?|shipped|included|includes) (?:together )?(?:in|with|along))\b/i.test(
      clause.source,
    )
  )
    return null
  const listed = namesOf(clause.words, 0, { plainWords: false, joiners: /^(?:and|,|&|\+|plus|both|the)$/ })
  const names = listed.length > 0 ? listed : namesOf(clause.words, 1).slice(0, 1)
  return names.length === 0
    ? null
    : {
        calls: names.map((name) =>
          draft(
            'model_add',
            { embedded: name.text, id: names.length === 1 ? id : null },
            'A model that comes with the daemon is to be added.',
          ),
        ),
      }
}

export const waitedFor: Rule = ({ clause, verb, state }) => {
  if (
    verb !== 'wait' ||
    state.job === null ||
    typeof state.job === 'string' ||
    /(?:^| )(?:<id>|minute|minutes|second|seconds|hour|hours)(?: |$)/.test(clause.line)
  )
    return null
  return NOTHING_MORE
}
