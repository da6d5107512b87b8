/** Files of granted folders: listed, read, written. */
import { isFunctionWord } from '../../rag/answers/function-words.ts'
import type { Word } from '../clause.ts'
import { existenceIn } from '../existence.ts'
import { ownFolder } from '../named-words.ts'
import { isOwnMatter } from '../own-matters.ts'
import { isFile, isModelFile, isName, pathsOf } from '../slots.ts'
import { call, draft, from, type Rule, wordsFrom } from './rule.ts'

const LISTS_FILES = /(?:^| )(?:file|folder|inside|contents|content|list|holds|contains|entries|stuff)(?: |$)/

const isFolderName = ({ kind, lower, form }: Word): boolean =>
  kind === 'word' &&
  form !== 'plain' &&
  !isFunctionWord(lower, ['en']) &&
  !/^(?:contents?|contain|contains|files?|called|please|now|here)$/.test(lower)

/** `what is in projects`, where projects is a folder that agents were granted. */
const IN_OWN = /(?:^| )(?:file|what (?:is|do|lie)|contents?|list|show)(?: .*)? (?:in|inside|under|of) /

/** `my recipes folder`: the word between is its name. */
const OWNED = /^(?:the|my|our|your)$/

export const listingFiles: Rule = ({ clause: { line, words, mood }, verb, state }) => {
  const [path] = pathsOf(words)
  const asks =
    mood === 'question' ||
    /^(?:list|show|give|see|get|look|find|check|tell|print|display|inspect|open|read)$/.test(verb ?? '')
  if (!asks) return null
  const behind = words.findIndex(({ norm }) => norm === 'folder') + 1
  const named =
    behind > 0 ? words.slice(behind).find(({ norm }) => !/^(?:call|name|the|my|our)$/.test(norm)) : undefined
  const ahead = behind > 1 && named === undefined ? words[behind - 2] : undefined
  const own = ownFolder(words)
  const folder =
    path ??
    (own !== null && IN_OWN.test(line) ? own : null) ??
    (ahead !== undefined && isFolderName(ahead) && OWNED.test(words[behind - 3]?.norm ?? '')
      ? ahead.text
      : null) ??
    (named !== undefined &&
    (isName(named) || (isFolderName(named) && (mood !== 'question' || named === words.at(-1))))
      ? named.text
      : null)
  if (folder === null) {
    if (
      /^(?:list|show)$/.test(verb ?? '') &&
      state.path !== null &&
      /^(?:list|show)(?: me)? (?:it|that|this|them|what is (?:in )?(?:there|it|inside)|what is in (?:it|there|that)|the (?:folder|file|content|contents))(?: |$)/.test(
        line,
      )
    )
      return call('file_list', { path: state.path }, 'The files of a folder are asked for.')
    const what =
      /(?:^| )(?:which|what|list|show|my|granted|the) (?:(?:granted|shared|my|the|me) )*(?:folder|file)(?: |$)/.test(
        line,
      )
    if (what && state.path !== null && /(?:^| )(?:it|that|there|the)(?: |$)/.test(line))
      return call('file_list', { path: state.path }, 'The files of a folder are asked for.')
    return what && isOwnMatter(words) && !/(?:about|say|mention|collection|index)/.test(line)
      ? call('file_list', {}, 'The folders that agents may see are asked for.')
      : null
  }
  if (isFile(folder) || isModelFile(folder)) return null
  if (/(?:^| )(?:say|mention|about|document say)(?: |$)/.test(line) && verb !== 'list') return null
  if (
    !(
      folder === own ||
      LISTS_FILES.test(line) ||
      verb === 'list' ||
      /^what (?:is|are|do|lie|there)/.test(line) ||
      /^(?:look|show|see|check)(?: (?:me|at|in|into|inside))* <path>$/.test(line)
    )
  )
    return null
  return call('file_list', { path: folder }, 'The files of a folder are asked for.')
}

const RESULT =
  /(?:^| )(?:it|that|this|them|these|those|result|answer|summary|summarise-doing|outcome|list|output|numbers|figures|findings|report|comparison|compare-doing|response|what (?:you|it|comes)|everything|time|date|status)(?: |$)/

/** `It should say: tent, stove, rope.` after the file was named. */
const SAYS_WHAT =
  /^[.,;:!\s]*(?:(?:it|the file|in it|inside) (?:should|must|shall|has to|needs to|is to|will) (?:say|contain|hold|read|have)|(?:with|it says|containing|content|text))\s*:?\s*([^.\n]{1,500})/i

/** `with exactly this in it: Reception 11, Kitchen 14`. */
const BEHIND_COLON = /^\s*:\s*([^\n]{1,2000})/

const written: Rule = ({ clause, verb, state }) => {
  const { words, line, mood, source } = clause
  if (
    mood === 'question' ||
    !/^(?:write|save|put|create|make|export|copy|report|keep|add|generate|send|print)$/.test(verb ?? '')
  )
    return null
  const path = pathsOf(words).at(-1)
  if (path === undefined || (verb === 'add' && !/(?:^| )(?:line|text|<quoted>)(?: |$)/.test(line)))
    return null
  if (/^(?:make|put|add|create|keep)$/.test(verb!) && !isFile(path)) return null
  const quoted = words.find(({ kind, text }) => kind === 'quoted' && text !== path)
  const code = words.find(({ kind }) => kind === 'code')
  const isOfResult =
    state.drafts.length > 0 && /(?:^| )(?:result|output|what (?:it|that|this))(?: |$)/.test(line)
  const fixed = isOfResult ? undefined : (code?.text ?? quoted?.text)
  if (fixed !== undefined)
    return call('file_write', { path, content: fixed }, 'A text is to be written to a file.')
  if (verb === 'copy' && pathsOf(words).length === 2)
    return {
      calls: [
        draft('file_read', { path: pathsOf(words)[0]! }, 'A file is to be copied.'),
        draft(
          'file_write',
          { path, content: from(state.drafts.length + 1, 'text') },
          'A file is to be copied.',
        ),
      ],
    }
  const missing = resultsFor(line).filter(({ tool }) => !state.drafts.some((one) => one.tool === tool))
  if (
    state.drafts.length > 0 &&
    !(missing.length > 0 && NAMES_OTHER.test(line)) &&
    (RESULT.test(line) || /^(?:save|put|write|export|keep)(?: \S+){0,3} (?:to|into|in|as|under) /.test(line))
  )
    return call(
      'file_write',
      { path, content: state.text ?? from(state.drafts.length, 'text') },
      'What was found is to be kept in a file.',
    )
  const found = state.drafts.length > 0 ? missing : resultsFor(line)
  if (found.length > 0) {
    const texts = found.map((_, at) => from(state.drafts.length + at + 1, 'text'))
    const content =
      texts.length === 1
        ? texts[0]!
        : { $text: texts.flatMap((text, at) => (at === 0 ? [text] : ['\n\n', text])) }
    return {
      calls: [...found, draft('file_write', { path, content }, 'What was found is to be kept in a file.')],
    }
  }
  const end = words.findIndex(
    (word, at) =>
      at > 0 && /^(?:to|into|in|as)$/.test(word.norm) && words.slice(at).some(({ text }) => text === path),
  )
  const content = end > 1 ? wordsFrom(words, 1, source, end) : null
  if (
    content !== null &&
    verb === 'write' &&
    !/(?:^| )(?:summary|summarise-doing|story|program|script|code|report|poem|note)(?: |$)/.test(line)
  )
    return call('file_write', { path, content }, 'A text is to be written to a file.')
  const rest = source.slice(words.at(-1)!.end)
  const told = (SAYS_WHAT.exec(rest) ?? BEHIND_COLON.exec(rest))?.[1]
  if (told !== undefined && verb !== 'copy')
    return call(
      'file_write',
      { path, content: told.trim(), replace: /\breplace\b|\boverwrite\b/i.test(source) ? true : null },
      'A text is to be written to a file.',
    )
  return { why: 'It does not say what is to be written to the file.' }
}

/** `there is an old one, just replace it`. */
export const OVERWRITES =
  /(?:^| )(?:(?:replace|overwrite|write over) (?:it|that|this|the (?:old|existing)(?: \S+)?|what is there)|(?:old|existing|another) (?:one|file|version)(?: already| there)*.* (?:replace|overwrite|overwritten|replaced))(?: |$)/

export const writing: Rule = (input) => {
  const outcome = written(input)
  if (outcome === null || !('calls' in outcome) || !OVERWRITES.test(input.clause.line)) return outcome
  return {
    calls: outcome.calls.map((one) =>
      one.tool === 'file_write' ? { ...one, arguments: { ...one.arguments, replace: true } } : one,
    ),
  }
}

/** `today's date`, `the list of models`: not what the step before has found. */
const NAMES_OTHER = /(?:^| )(?:today|the (?:current )?(?:time|date)|list of|the names of|who)(?: |$)/

const KEPT: readonly (readonly [RegExp, string])[] = [
  [/(?:list of|all|names of|what|which)(?: \S+){0,3} model/, 'model_list'],
  [/(?:list of|all|names of|who)(?: \S+){0,3} member|who is (?:in|connected|online)/, 'member_list'],
  [/(?:list of|all|names of|what|which)(?: \S+){0,3} job/, 'job_list'],
  [/(?:list of|all|names of|what|which)(?: \S+){0,3} collection/, 'knowledge_collections'],
  [/(?:list of|all|names of|what|which)(?: \S+){0,3} (?:round|runs?)/, 'round_list'],
  [/time|date/, 'time_now'],
  [/status|health|state of (?:the|this|my) (?:node|machine)/, 'node_status'],
]

/** `save the list of models to x.txt`, `write today's date and the members to x.txt`: what has to be found first, in the order of the words. */
function resultsFor(line: string): ReturnType<typeof draft>[] {
  // `the list of jobs and the collections`: one `list of` for all.
  const all = line.replace(
    /(?<=(?:^| )list of .*)(?:and|,) (?:the |my |our )?(?=(?:model|member|job|collection|round|run)(?: |$))/g,
    (said) => `${said}list of `,
  )
  return KEPT.flatMap(([pattern, tool]) => {
    const at = new RegExp(`(?:^| )(?:${pattern.source})(?: |$)`).exec(all)?.index
    return at === undefined ? [] : [{ at, tool }]
  })
    .sort((one, other) => one.at - other.at)
    .map(({ tool }) => draft(tool, {}, 'It is to be kept in a file.'))
}

export const reading: Rule = ({ clause: { words, line, mood }, verb }) => {
  // `see whether notes holds a file gate-code.txt`: by the list, for what is not there cannot be read.
  const whether = words.findIndex(({ norm }) => norm === 'whether' || norm === 'if')
  const sought = whether >= 0 ? existenceIn(words.slice(whether + 1)) : null
  if (sought?.kind === 'file' && sought.folder !== undefined)
    return call('file_list', { path: sought.folder }, 'The files of a folder are asked for.')
  const paths = pathsOf(words).filter((path) => isFile(path) && !isModelFile(path))
  const asksContent =
    mood === 'question' &&
    /^(?:(?:show|tell|see|let|give|check) (?:(?:me|us|know) )?)?what (?:(?:is|does|do|are)(?: .*)? (?:in|inside|say|contain|hold)(?: |$)|(?:is|are) (?:in|inside)|<path> (?:say|contain|hold))/.test(
      line,
    )
  const orders =
    /^(?:read|show|look|cat|print|give|see|get|summarise|check|tell|display|scan|explain|take)$/.test(
      verb ?? '',
    )
  if (paths.length === 0 || !(asksContent || (mood !== 'question' && orders))) return null
  if (verb === 'tell' && !/(?:in|inside|content|contents|says|say)/.test(line)) return null
  return { calls: paths.map((path) => draft('file_read', { path }, 'The text of a file is asked for.')) }
}
