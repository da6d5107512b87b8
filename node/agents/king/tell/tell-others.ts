/** What files, documents, programs, memories and this node came to, in sentences: a row for each tool. */
import type { JsonObject } from '../../../json.ts'
import {
  countOf,
  type Field,
  listed,
  numberOf,
  objectOf,
  objectsOf,
  percentOf,
  sizeOf,
  timeOf,
  together,
  wordOf,
} from './figures.ts'
import type { TellRow } from './tell-result.ts'

const textIn = (value: unknown): string => (typeof value === 'string' ? value.trimEnd() : '')
const ERROR_LINES = 6
const PASSAGE_UNITS = 300
const MAX_MEMORY_UNITS = 2_000

const lastLines = (text: string): string => text.split('\n').slice(-ERROR_LINES).join('\n')

/** What it printed; of a program that failed its exit code and the end of its errors, where the reason stands. */
function ranText({ ok, said, exitCode, stdout, stderr, files, filesCut, binary }: JsonObject): string {
  const [printed, errors] = [textIn(stdout), textIn(stderr)]
  const left = [
    ...Object.keys(objectOf(files)).map((name) => wordOf(name)),
    ...objectsOf(binary).map(({ name }) => wordOf(name)),
  ]
  const kept =
    left.length === 0
      ? []
      : [`It left: ${left.join(', ')}.${filesCut === true ? ' More than these did not fit.' : ''}`]
  if (ok === true) {
    const warned = errors === '' ? [] : [`It also said, as errors:\n${lastLines(errors)}`]
    return [
      printed === '' ? 'The program ended well and printed nothing.' : printed,
      ...warned,
      ...kept,
    ].join('\n')
  }
  const why = wordOf(said) || `the program ended with exit code ${numberOf(exitCode) ?? 'none'}`
  return [
    `${why[0]!.toUpperCase()}${why.slice(1)}.`,
    ...(errors === '' ? [] : [lastLines(errors)]),
    ...(printed === '' ? [] : [`It had printed:\n${lastLines(printed)}`]),
    ...kept,
  ].join('\n')
}

function foundText({ passages, missing }: JsonObject): string {
  const lines = objectsOf(passages).map(({ source, document, title, text, page }) => {
    const from = wordOf(title) || wordOf(source) || wordOf(document)
    const words = textIn(text).replace(/\s+/g, ' ').trim()
    const cut = words.length > PASSAGE_UNITS ? `${words.slice(0, PASSAGE_UNITS)}…` : words
    return `${from}${numberOf(page) === null ? '' : `, page ${numberOf(page)}`}: ${cut}`
  })
  const silent = Array.isArray(missing)
    ? missing.map((name) => wordOf(name)).filter((name) => name !== '')
    : []
  const rest = silent.length === 0 ? '' : `\nNot answered: ${silent.join(', ')}.`
  return `${lines.length === 0 ? 'No passage was found.' : listed(`${countOf(lines.length, 'passage')}:`, lines)}${rest}`
}

const collectionLine = ({ collection, access, documents, sizeBytes }: JsonObject): string =>
  `${wordOf(collection)}: ${together(countOf(documents, 'document'), sizeOf(sizeBytes), wordOf(access))}`

function indexedText({
  collection,
  documents,
  files,
  added,
  changed,
  removed,
  skipped,
  skippedFor,
}: JsonObject): string {
  const moved = together(
    ...(
      [
        [added, 'added'],
        [changed, 'changed'],
        [removed, 'removed'],
      ] as const
    ).map(([count, word]) => ((numberOf(count) ?? 0) > 0 ? `${numberOf(count)} ${word}` : null)),
  )
  const reasons = Object.entries(objectOf(skippedFor)).map(
    ([code, count]) => `${wordOf(code)} ${String(count)}`,
  )
  const left = numberOf(skipped) ?? 0
  return `"${wordOf(collection)}" has ${countOf(documents, 'document') ?? 'the documents'}${
    numberOf(files) === null ? '' : ` of ${countOf(files, 'file')}`
  }${moved === '' ? '' : ` (${moved})`}.${
    left === 0
      ? ''
      : ` ${countOf(left, 'file')} ${left === 1 ? 'was' : 'were'} left out${reasons.length === 0 ? '' : `: ${reasons.join(', ')}`}.`
  }`
}

function filesText({ path, entries, folders, total }: JsonObject): string {
  if (Array.isArray(folders))
    return folders.length === 0
      ? 'No folder is granted to agents (agents.folders).'
      : listed(
          `${countOf(folders.length, 'folder')}:`,
          objectsOf(folders).map(
            ({ name, isWritable }) => `${wordOf(name)}${isWritable === true ? '' : ' (read only)'}`,
          ),
        )
  const all = numberOf(total) ?? objectsOf(entries).length
  return listed(
    `${wordOf(path)} has ${all === 1 ? '1 entry' : `${all} entries`}${all === 0 ? '.' : ':'}`,
    objectsOf(entries).map(({ name, kind, sizeBytes, modifiedAt }) =>
      together(
        `${wordOf(name)}${kind === 'folder' ? '/' : ''}`,
        kind === 'link' && 'link',
        sizeOf(sizeBytes),
        timeOf(modifiedAt),
      ),
    ),
  )
}

function readText({ path, sizeBytes, text, nextOffset }: JsonObject): string {
  const more = numberOf(nextOffset)
  return `${together(wordOf(path), sizeOf(sizeBytes))}:\n${textIn(text)}${more === null ? '' : `\n(It goes on at byte ${more}.)`}`
}

function memberLine({ name, peer, role, connected, isThisNode }: JsonObject): string {
  const state = isThisNode === true ? 'this node' : connected === true ? 'connected' : 'not connected'
  return together(wordOf(name) || wordOf(peer), wordOf(role), state)
}

function statusText({
  version,
  isInVillage,
  peers,
  runningJobs,
  accepting,
  pausedFor,
  load,
  cpuCores,
  memoryBytes,
}: JsonObject): string {
  const busy = percentOf(load)
  const work =
    accepting === false
      ? `It takes no work${wordOf(pausedFor) === '' ? '' : ` (${wordOf(pausedFor)})`}.`
      : 'It takes work.'
  return `AIVillage ${wordOf(version)}: ${together(
    isInVillage === true ? 'in a village' : 'in no village',
    countOf(peers, 'connected peer'),
    countOf(runningJobs, 'running job'),
  )}. ${work} It may use ${together(countOf(cpuCores, 'processor core'), sizeOf(memoryBytes) !== null && `${sizeOf(memoryBytes)} of memory`)}${busy === null ? '' : `; the load is ${busy}`}.`
}

const memoryText = (memory: Field): string => wordOf(objectOf(memory).text, MAX_MEMORY_UNITS)
const quoted = (memory: Field): string => `“${memoryText(memory)}”`
const sentence = (text: string): string => text.replace(/(?<![.!?])$/, '.')

function rememberedText({ memory, replaced, isNew }: JsonObject): string {
  if (isNew === false) return `I knew that already: ${quoted(memory)}.`
  const old = objectsOf(replaced).map(quoted)
  return `I remember: ${quoted(memory)}${old.length === 0 ? '' : `, in place of ${old.join(', ')}`}.`
}

export const OTHER_ROWS: Readonly<Record<string, TellRow>> = {
  calculate: ({ text, value }, given) => {
    const expression = textIn(given.expression)
    // Whole: a number may have thousands of digits.
    return `${expression === '' ? '' : `${expression} = `}${textIn(text) || textIn(value)}`
  },
  code_run: ranText,
  file_list: filesText,
  file_read: readText,
  file_write: ({ path, sizeBytes, isNew }) =>
    `${wordOf(path)} is ${isNew === false ? 'replaced' : 'written'}${sizeOf(sizeBytes) === null ? '' : ` (${sizeOf(sizeBytes)})`}.`,
  knowledge_search: foundText,
  knowledge_collections: ({ collections }) =>
    objectsOf(collections).length === 0
      ? 'There is no collection of documents yet: `village index PATH` makes one.'
      : listed(
          `${countOf(objectsOf(collections).length, 'collection')}:`,
          objectsOf(collections).map(collectionLine),
        ),
  knowledge_index: indexedText,
  time_now: ({ local }) => `It is ${wordOf(local)}.`,
  member_list: (content) =>
    objectsOf(content.members).length === 0
      ? 'This node is in no village: it has no members to list.'
      : listed(
          `${countOf(content.total ?? objectsOf(content.members).length, 'member')}:`,
          objectsOf(content.members).map(memberLine),
        ),
  node_status: statusText,
  twin_recall: ({ memories }) => {
    const texts = objectsOf(memories).flatMap((memory) =>
      memoryText(memory) === '' ? [] : [sentence(memoryText(memory))],
    )
    return texts.length === 0 ? 'You have told me nothing about that.' : `You told me: ${texts.join(' ')}`
  },
  twin_remember: rememberedText,
  twin_forget: ({ forgotten, candidates }) => {
    if (wordOf(forgotten) !== '') return 'It is forgotten, and erased.'
    const fitting = objectsOf(candidates)
    return fitting.length === 0
      ? 'Nothing was erased: no single memory fits those words.'
      : listed('Several memories fit; none was erased:', fitting.map(memoryText))
  },
}
