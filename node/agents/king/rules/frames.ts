/**
 * What each tool takes from a clause that is known to be for it, however it is worded: its rule with the verb that it waits for, or its arguments
 * alone.
 */
import type { Word } from '../clause.ts'
import { ownFolder } from '../named-words.ts'
import { isFile, isModelFile, isName, pathsOf, suiteOf } from '../slots.ts'
import { compressing, merging, training } from './build-rules.ts'
import { listingFiles, reading, writing } from './file-rules.ts'
import { indexing } from './indexing-rule.ts'
import { asking, searching } from './knowledge-rules.ts'
import { comparing } from './measure-rules.ts'
import { adding, pulling } from './model-rules.ts'
import { modelsMeant } from './model-values.ts'
import { kindOfModels } from './overview-rules.ts'
import { remembering } from './person-rules.ts'
import { calculating, filesFor, languageOf } from './program-rules.ts'
import { call, draft, from, type Outcome, type Rule, type RuleInput, type Value, wordsFrom } from './rule.ts'
import { embedding, promptIn } from './text-rules.ts'
import { countIn, jobs, rounds, stateOf, zonesMeant } from './work-rules.ts'

/** A rule as if its own verb had been said. */
const by =
  (rule: Rule, verb: string, mood: 'order' | 'question' = 'order'): Rule =>
  (input) =>
    rule({ ...input, verb, at: input.verb === null ? -1 : input.at, clause: { ...input.clause, mood } })

const none =
  (tool: string, reason: string): Rule =>
  (): Outcome =>
    call(tool, {}, reason)

/** Ids of jobs and runs. */
const isId = ({ kind, text, own }: Word): boolean =>
  own === undefined &&
  /^(?:id|number|word)$/.test(kind) &&
  /^(?:[a-z]+[-_:])?(?=[\da-f-]*\d)[\da-f-]{3,}$/i.test(text)
const idsIn = (words: readonly Word[]): string[] =>
  words
    .filter(
      (word, at) =>
        isId(word) && (word.text.length > 3 || /^(?:job|run|round)$/.test(words[at - 1]?.norm ?? '')),
    )
    .map(({ text }) => text)

/** One call for each that is named, else one for what is spoken of. */
const forEach =
  (tool: string, name: string, reason: string, spokenOf: (input: RuleInput) => Value | null): Rule =>
  (input) => {
    const ids: readonly Value[] = idsIn(input.clause.words)
    const spoken = spokenOf(input)
    const values = ids.length > 0 ? ids : spoken === null ? [] : [spoken]
    return values.length === 0
      ? null
      : { calls: values.map((value) => draft(tool, { [name]: value }, reason)) }
  }

/** `the newest of them`, of jobs that were listed. */
function jobSpokenOf({ clause: { line }, state }: RuleInput): Value | null {
  const listed = state.drafts.findLastIndex(({ tool }) => tool === 'job_list')
  const isOfList = /(?:^| )(?:newest|latest|last|first|most recent|one|top)(?: |$)/.test(line)
  return listed >= 0 && isOfList ? from(listed + 1, 'job') : state.job
}

const ofModels =
  (tool: string, reason: string): Rule =>
  (input) => {
    const { values, added } = modelsMeant({ ...input, at: -1 })
    const suite = tool === 'model_evaluate' ? suiteOf(input.clause.words) : null
    return values.length === 0
      ? null
      : { calls: [...added, ...values.slice(0, 8).map((model) => draft(tool, { model, suite }, reason))] }
  }

const readingFile: Rule = (input) => {
  const read = by(reading, 'read')(input)
  const { path } = input.state
  return (
    read ??
    (path !== null && isFile(path) ? call('file_read', { path }, 'The text of a file is asked for.') : null)
  )
}

/** `the folder that I dropped them in`: by what was named before. */
const listingFolder: Rule = (input) => {
  const { words, line } = input.clause
  const listed = by(listingFiles, 'list')(input)
  if (listed !== null) return listed
  const folder = ownFolder(words) ?? pathsOf(words).find((path) => !isFile(path)) ?? input.state.path
  return folder !== null && !isModelFile(folder) && !/(?:^| )(?:granted|allowed)(?: |$)/.test(line)
    ? call('file_list', { path: folder }, 'The files of a folder are asked for.')
    : call('file_list', {}, 'The folders that agents may see are asked for.')
}

const geometry: Rule = (input) => {
  const { values, added } = modelsMeant({ ...input, at: -1 })
  return values.length === 0
    ? null
    : {
        calls: [
          ...added,
          draft('geometry_measure', { models: values }, 'The geometry of models is asked for.'),
        ],
      }
}

const running: Rule = ({ clause: { words, line, source }, state }) => {
  const task = wordsFrom(words, 0, source)
  return task === null
    ? null
    : call(
        'code_run',
        { task, language: languageOf(line), paths: filesFor(words) ?? spokenOf(line, state) },
        'It is to be found by a program.',
      )
}

/** `work it out from that file`. */
const spokenOf = (line: string, { path }: RuleInput['state']): string[] | null =>
  path !== null &&
  isFile(path) &&
  /(?:^| )(?:it|its|that|this|them|these|those|the (?:file|table|list|numbers|figures|readings))(?: |$)/.test(
    line,
  )
    ? [path]
    : null

const clockIn: Rule = (input) => {
  const zones = zonesMeant(input)
  const asked = zones.length === 0 ? [undefined] : zones.slice(0, 8)
  return { calls: asked.map((zone) => draft('time_now', { zone }, 'The time is asked for.')) }
}

const waiting: Rule = (input) => {
  const [job] = idsIn(input.clause.words)
  return job === undefined ? by(jobs, 'wait')(input) : call('job_wait', { job }, 'A job is to be waited for.')
}

const writingText: Rule = (input) => {
  const { clause, state } = input
  const words = pathsOf(clause.words).length > 0 ? clause.words : null
  return words === null && state.path === null ? null : by(writing, 'write')(input)
}

const MAX_WRITERS = 4

const generatingText: Rule = (input) => {
  const { clause, state } = input
  const named = clause.words.find(
    (word) => word.own?.model !== undefined || (word.kind === 'id' && isName(word)),
  )
  const prompt = promptIn(clause, named)
  const models = clause.words.flatMap(({ own, text }) => (own?.model === undefined ? [] : [text]))
  const writers = models.length > 1 ? [...new Set(models)] : [named?.text ?? state.model]
  return prompt === null
    ? null
    : {
        calls: writers
          .slice(0, MAX_WRITERS)
          .map((model) =>
            draft('model_generate', { model, ...prompt }, 'A language model is to write a text.'),
          ),
      }
}

export const FRAMES: Readonly<Record<string, Rule>> = {
  calculate: by(calculating, 'calculate', 'question'),
  code_run: running,
  evolve_start: by(rounds, 'evolve'),
  file_list: listingFolder,
  file_read: readingFile,
  file_write: writingText,
  geometry_measure: geometry,
  job_cancel: by(jobs, 'cancel'),
  job_list: ({ clause: { words, line } }) =>
    call('job_list', { state: stateOf(line), limit: countIn(words) }, 'The jobs are asked for.'),
  job_show: forEach('job_show', 'job', 'A job is asked for.', jobSpokenOf),
  job_wait: waiting,
  knowledge_ask: by(asking, 'tell', 'question'),
  knowledge_collections: none('knowledge_collections', 'The collections are asked for.'),
  knowledge_index: by(indexing, 'index'),
  knowledge_search: by(searching, 'search'),
  member_list: none('member_list', 'The members are asked for.'),
  model_add: by(adding, 'add'),
  model_compare: by(comparing, 'compare'),
  model_compress: by(compressing, 'compress'),
  model_evaluate: ofModels('model_evaluate', 'How good a model is must be measured.'),
  model_generate: generatingText,
  model_inspect: ofModels('model_inspect', 'A model is asked for.'),
  model_list: ({ clause: { words } }) =>
    call('model_list', { kind: kindOfModels(words) }, 'The models are asked for.'),
  model_merge: by(merging, 'merge'),
  model_pull: by(pulling, 'pull'),
  model_train: by(training, 'train'),
  node_status: none('node_status', 'The state of the node is asked for.'),
  round_list: none('round_list', 'The runs of evolution are asked for.'),
  round_show: forEach('round_show', 'run', 'A run of evolution is asked for.', ({ state }) => state.run),
  text_embed: (input) =>
    input.clause.words.some(({ kind }) => kind === 'quoted') || input.clause.mood === 'order'
      ? by(embedding, 'embed')(input)
      : null,
  time_now: clockIn,
  twin_forget: by(remembering, 'forget'),
  twin_recall: ({ clause: { words, source } }) =>
    call(
      'twin_recall',
      { query: wordsFrom(words, 0, source) },
      'What was remembered for the asker is asked for.',
    ),
  twin_remember: by(remembering, 'remember'),
}
