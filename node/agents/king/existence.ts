/** `if there is a collection called handbook`: what a condition says to be there, and the list that tells. */
import { lineOf, type Word } from './clause.ts'
import { collectionOf } from './collection-names.ts'
import { mentionIn } from './mentions.ts'
import { isFile, isModelFile } from './slots.ts'

export interface Existence {
  /** The tool that lists such things. */
  readonly tool: 'knowledge_collections' | 'model_list' | 'member_list' | 'file_list'
  readonly kind: 'collection' | 'model' | 'member' | 'file'
  readonly name: string
  readonly isMissing: boolean
  /** Of a file. */
  readonly folder?: string
}

const IS_THERE =
  /(?:^| )(?:there (?:is|are)|(?:i|we|you|it) (?:already |still |really |do |not )*have|exists?|existing|is (?:already |still |not )*(?:there|here|installed|present|available|one)|(?:has|have) (?:a|the|one))(?: |$)/
const IS_NOT = /(?:^| )(?:no|not|without|missing|none)(?: |$)/
const OF_MODEL = /(?:^| )(?:model|encoder)(?: |$)/

const HOLDS = /(?:^| )(?:holds?|contains?|has|have|lies?|is in)(?: |$)/

/** `notes holds a file gate-code.txt`, `there is a file notes/gate-code.txt`. */
function fileIn(words: readonly Word[]): Existence | null {
  const line = lineOf(words)
  const [file, ...more] = words.filter(({ kind }) => kind === 'path')
  if (file === undefined || more.length > 0 || !isFile(file.text) || isModelFile(file.text)) return null
  if (!(IS_THERE.test(line) || HOLDS.test(line))) return null
  const slash = file.text.lastIndexOf('/')
  const folder = slash > 0 ? file.text.slice(0, slash) : words.find(({ own }) => own?.folder)?.own?.folder
  return folder === undefined
    ? null
    : {
        tool: 'file_list',
        kind: 'file',
        name: file.text.slice(slash + 1),
        isMissing: IS_NOT.test(line),
        folder,
      }
}

/** Null: the condition is about something else. */
export function existenceIn(words: readonly Word[]): Existence | null {
  const file = fileIn(words)
  if (file !== null) return file
  const line = lineOf(words)
  if (!IS_THERE.test(line) || words.some(({ kind }) => /^(?:number|size|percent|times|path)$/.test(kind)))
    return null
  const isMissing = IS_NOT.test(line)
  if (/(?:^| )member(?: |$)/.test(line)) {
    const at = words.findIndex(({ norm }) => /^(?:call|name)$/.test(norm))
    const name = at < 0 ? undefined : words[at + 1]
    return name === undefined ? null : { tool: 'member_list', kind: 'member', name: name.text, isMissing }
  }
  const mention = mentionIn(words)
  const { job, run } = mention
  const called = words.findIndex(({ norm, form }) => norm === 'call' && form === 'past')
  const model = (OF_MODEL.test(line) && called >= 0 ? words[called + 1]?.text : undefined) ?? mention.model
  if (job !== null || run !== null) return null
  const collection = OF_MODEL.test(line) ? null : collectionOf(words, false)
  if (collection !== null)
    return { tool: 'knowledge_collections', kind: 'collection', name: collection, isMissing }
  return model === null ? null : { tool: 'model_list', kind: 'model', name: model, isMissing }
}
