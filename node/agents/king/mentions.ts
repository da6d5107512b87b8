/** What clauses speak of without ordering anything about it: `the encoder is too large`, `job 7f3a hangs`, `my notes are in ~/notes`. */
import { type Clause, lineOf, type Word } from './clause.ts'
import { collectionOf } from './collection-names.ts'
import { isModelFile, isName, namesOf, pathsOf } from './slots.ts'

/** `take the files in ~/scans`: what the next clause is about. */
export const ONLY_POINTS =
  /^(?:take|use|look (?:at|in|into|inside|through)|open|search|go through|read|consider|here is|get|have|suppose|imagine|say|note)(?: |$)/

export interface Mention {
  readonly model: string | null
  /** All models that are named, in order. */
  readonly models: readonly string[]
  /** A file or folder that holds a model which is not added yet. */
  readonly modelFile: string | null
  readonly path: string | null
  readonly paths: readonly string[]
  readonly job: string | null
  readonly run: string | null
  readonly collection: string | null
  /** The words of a statement: what `remember that` and `can you look it up` mean. */
  readonly said: string | null
}

const OF_JOBS =
  /(?:^| )(?:job|task|train|train-doing|compress-doing|evaluate-doing|merge-doing|index-doing|calculate-doing|queue)(?: |$)/
const OF_RUNS = /(?:^| )(?:round|evolve|evolve-doing|evolution|run)(?: |$)/

/** `job 7f3a`, `a training … its number was 90ab12`. */
function idOf(words: readonly Word[], nouns: RegExp): string | null {
  if (!nouns.test(lineOf(words))) return null
  const looksLike = (word: Word | undefined): word is Word =>
    word !== undefined &&
    /^(?:id|number|word)$/.test(word.kind) &&
    /\d/.test(word.text) &&
    /^[\w:-]{2,80}$/.test(word.text)
  const behind = words.findIndex(
    (word, at) =>
      looksLike(word) &&
      /(?:^| )(?:job|task|round|run|evolve-doing|number|id|call|name|no|#)(?: (?:is|was|number|id|call|name|with|no|#|the))*$/.test(
        lineOf(words.slice(Math.max(0, at - 4), at)),
      ),
  )
  if (behind >= 0) return words[behind]!.text
  return (
    words.find(
      (word) =>
        word.kind === 'id' &&
        looksLike(word) &&
        /^(?:job|run|r|j)?[-_:]?(?=[0-9a-f]*\d)[0-9a-f]{3,}$/i.test(word.text),
    )?.text ?? null
  )
}

/** The first of each that words name. */
export function mentionIn(words: readonly Word[]): Mention {
  const line = lineOf(words)
  const job = idOf(words, OF_JOBS)
  const run = job === null ? idOf(words, OF_RUNS) : null
  const names = namesOf(words, 0, { plainWords: false }).filter(
    (word) =>
      (word.kind === 'id' || isName(word)) && word.kind !== 'path' && word.text !== job && word.text !== run,
  )
  const shared = words.find(({ kind, text }) => kind === 'id' && /^village:\w/.test(text))
  if (shared !== undefined && names.length === 0) names.push(shared)
  const paths = pathsOf(words)
  const modelFile =
    paths.find(isModelFile) ?? (/(?:^| )model(?: |$)/.test(line) && paths.length === 1 ? paths[0]! : null)
  const folders = paths.filter((one) => !isModelFile(one) && one !== modelFile)
  const path = folders[0] ?? ownFolderIn(words)
  return {
    model: modelFile === null ? (names[0]?.text ?? null) : null,
    models: modelFile === null ? names.map(({ text }) => text) : [],
    modelFile,
    path,
    paths: folders,
    job,
    run,
    collection: collectionOf(words, false),
    said: null,
  }
}

/** `I saved them in downloads`. */
const ownFolderIn = (words: readonly Word[]): string | null =>
  words.find(
    ({ own }, at) =>
      own?.folder !== undefined &&
      /^(?:in|into|inside|under|to|from|folder)$/.test(words[at - 1]?.norm ?? ''),
  )?.own?.folder ?? null

const NAMED_ONLY = 6

/** A clause without an order that names something, or greets: it is about what comes next. Null: it may have ordered something. */
export function shortMention({ words, mood, text }: Clause): Mention | null {
  const mention = mentionIn(words)
  const isNaming = [
    mention.model,
    mention.modelFile,
    mention.path,
    mention.job,
    mention.run,
    mention.collection,
  ].some((one) => one !== null)
  const said = mood === 'statement' && words.length > 2 ? text : null
  return isNaming || said !== null || (words.length <= NAMED_ONLY && mood === 'statement')
    ? { ...mention, said }
    : null
}
