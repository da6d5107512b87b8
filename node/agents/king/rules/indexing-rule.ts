/** Files and folders that go into a collection. */
import type { Word } from '../clause.ts'
import { collectionOf, collectionOfPath } from '../collection-names.ts'
import { isFile, isModelFile, isModelFolder, pathsOf } from '../slots.ts'
import { draft, type Rule, type RuleInput } from './rule.ts'

const INDEX_REASON = 'What is to be asked must be in a collection first.'

/** Orders that put files into a collection, whatever they are called. */
function isIndexing({ clause: { line, words }, verb, state }: RuleInput): boolean {
  if (verb === 'index') return true
  if (/(?:^| )searchable(?: |$)/.test(line) && /^(?:make|turn|get)$/.test(verb ?? '')) return true
  if (
    /^(?:make|create|build|set|start)$/.test(verb ?? '') &&
    /(?:^| )collection(?: |$)/.test(line) &&
    (pathsOf(words).length > 0 ||
      (state.path !== null && /(?:^| )(?:it|them|that|these|those|there)(?: |$)/.test(line)))
  )
    return true
  const paths = pathsOf(words)
  const [path] = paths
  const isInto =
    /(?:^| )(?:to|into|in|as) (?:(?:the|my|our|your|a|new|village's|this) )*(?:\S+ )?(?:collection|knowledge|library|index|note|document)(?: |$)/.test(
      line,
    )
  if (path === undefined)
    return (
      isInto && state.path !== null && /^(?:add|put|import|load|include|get|take|bring)$/.test(verb ?? '')
    )
  if (isModelFile(path) || /(?:^| )model(?: |$)/.test(line)) return false
  if (isModelFolder(path) && verb === 'add' && !isInto) return false
  const isFolder = !isFile(path)
  if (/^(?:add|put|import|load|store|save|include)$/.test(verb ?? ''))
    return (
      isInto ||
      (isFolder &&
        /^(?:add|import|load)$/.test(verb ?? '') &&
        !/(?:^| )(?:model|file_write)(?: |$)/.test(line))
    )
  if (/^(?:take|get|bring)$/.test(verb ?? '')) return isInto || /^take in /.test(line)
  if (/^(?:read|scan|learn|digest)$/.test(verb ?? '')) return isFolder
  return verb === 'go' && /^go (?:through|over) /.test(line) && isFolder
}

export const indexing: Rule = (input) => {
  const { clause, state } = input
  if (clause.mood === 'question' || !isIndexing(input)) return null
  const named = pathsOf(clause.words)
  const several = /(?:^| )(?:both|them|all|these|those|the two|the three|each|everything)(?: |$)/.test(
    clause.line,
  )
  const spoken = several && state.paths.length > 1 ? state.paths : state.path !== null ? [state.path] : []
  const paths = named.length > 0 ? named : spoken
  if (paths.length === 0) return { why: 'It does not say which folder or file is to be indexed.' }
  const collection = collectionOf(clause.words, true)
  const watch = /(?:^| )(?:watch|watching|follow|up to date|in sync|synced)(?: |$)/.test(clause.line)
    ? true
    : null
  const include = kindsOf(clause.words)
  const calls = paths.flatMap((path) => {
    const into = collection ?? collectionOfPath(path)
    return into === null
      ? []
      : [draft('knowledge_index', { path, collection: into, watch, include }, INDEX_REASON)]
  })
  return calls.length === 0 ? { why: 'It does not say what the collection is to be called.' } : { calls }
}

const ENDINGS: Readonly<Record<string, string>> = { markdown: 'md', text: 'txt' }

/** `only the pdfs`: as globs; null where all files are meant. */
function kindsOf(words: readonly Word[]): string[] | null {
  const said = words.map(({ lower }) => lower).join(' ')
  const found =
    /(?:^| )(?:only|just)(?: (?:the|its|my|all|those))? \.?(pdf|md|markdown|txt|text|html|docx|csv|epub|json)(?:s| files?| documents?)(?: |$)/.exec(
      said,
    )
  return found === null ? null : [`**/*.${ENDINGS[found[1]!] ?? found[1]!}`]
}
