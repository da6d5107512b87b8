/** Models that come in: from a hub, the village, or a file. */
import { isFile, isModelFile, namesOf, newNameOf, pathsOf } from '../slots.ts'
import { HUB } from './model-values.ts'
import { call, NOTHING_MORE, type Rule } from './rule.ts'

export const pulling: Rule = ({ clause, verb }) => {
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

export const adding: Rule = ({ clause, verb }) => {
  if (clause.mood === 'question' || !/^(?:add|import|load|put|install|use|take)$/.test(verb ?? ''))
    return null
  const isModel = /(?:^| )(?:model|<id>)(?: |$)/.test(clause.line)
  const path = pathsOf(clause.words).find((one) => isModelFile(one) || isModel)
  const id = newNameOf(clause.words)
  if (path !== undefined && verb !== 'use' && verb !== 'take')
    return call('model_add', { path, id }, 'A model of this machine is to be added.')
  if (
    !clause.words.some(({ lower }) =>
      /^(?:embedded|built-in|builtin|bundled|comes|shipped|ships|included)$/.test(lower),
    )
  )
    return null
  const [name] = namesOf(clause.words, 1)
  return name === undefined
    ? null
    : call('model_add', { embedded: name.text, id }, 'A model that comes with the daemon is to be added.')
}

export const waitedFor: Rule = ({ clause, verb, state }) => {
  if (
    verb !== 'wait' ||
    state.job === null ||
    /(?:^| )(?:<id>|minute|minutes|second|seconds|hour|hours)(?: |$)/.test(clause.line)
  )
    return null
  return NOTHING_MORE
}
