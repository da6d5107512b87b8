/**
 * What the classifier of clauses sees of a clause: its words with names taken out (`village-lm` is MODEL, `notes/plan.md` is TEXT), so that what it learns of
 * one model, file or job holds for every other.
 */
import type { Clause, Word } from '../clause.ts'
import { isFile, isModelFile } from '../slots.ts'

const EXTENSIONS: readonly (readonly [RegExp, string])[] = [
  [/\.(?:csv|tsv|xlsx?)$/i, 'TABLE'],
  [/\.(?:ya?ml|toml)$/i, 'CONFIG'],
  [/\.jsonl?$/i, 'RECORDS'],
  [/\.(?:py|js|ts|sh|mjs)$/i, 'PROGRAM'],
  [/\.(?:md|markdown|txt|text|log|html?|tex|rst)$/i, 'TEXT'],
  [/\.(?:pdf|docx?|epub)$/i, 'BOOK'],
]
const HUB = /^[\w.-]+\/[\w.-]+$/
const HEX = /^(?:job|run|r|j)?[-_:]?(?=[0-9a-f]*\d)[0-9a-f]{3,}$/i
const MAX_WORDS = 40

function pathKind({ text }: Word, folders: ReadonlySet<string>): string {
  if (isModelFile(text)) return 'WEIGHTS'
  const known = EXTENSIONS.find(([pattern]) => pattern.test(text))?.[1]
  if (known !== undefined) return known
  if (isFile(text) && !HUB.test(text)) return 'FILE'
  return HUB.test(text) && !folders.has(text.split('/')[0]!.toLowerCase()) ? 'HUB' : 'FOLDER'
}

/** Folders that people name files in: `notes/plan` is none of a hub. */
const FOLDERS: ReadonlySet<string> = new Set([
  'notes',
  'projects',
  'downloads',
  'documents',
  'desktop',
  'docs',
  'src',
])

/** The word as the classifier reads it. */
function symbolOf(word: Word): string {
  const { kind, own, norm, lower, text } = word
  if (own?.model !== undefined) return 'MODEL'
  if (own?.collection !== undefined && (own.folder === undefined || kind === 'id')) return 'COLLECTION'
  if (own?.folder !== undefined) return 'OWNFOLDER'
  if (kind === 'path') return pathKind(word, FOLDERS)
  if (kind === 'id') return /^village:/.test(text) ? 'SHARED' : HEX.test(text) ? 'HEX' : 'NAME'
  if (kind === 'word') return norm === lower && HEX.test(text) && text.length > 3 ? 'HEX' : norm
  if (kind === 'mark') return text
  return kind.toUpperCase()
}

/** A few letters stand for a word in any inflection. */
const STEM_LENGTH = 5

/** Each once. `w`: a word, `l`: as it was written, `s`: its beginning, `b`: two in a row, `k`: with one between, `h`: how it begins. */
export function featuresOf({ words, mood }: Pick<Clause, 'words' | 'mood'>): string[] {
  const read = words.filter(({ kind }) => kind !== 'break').slice(0, MAX_WORDS)
  const symbols = read.map(symbolOf)
  const line = ['^', ...symbols, '$']
  const features = [`m:${mood}`, `h:${line.slice(0, 3).join(' ')}`, `h:${line.slice(0, 4).join(' ')}`]
  for (const [at, word] of read.entries()) {
    const symbol = symbols[at]!
    features.push(`w:${symbol}`)
    if (word.kind === 'word' && symbol !== word.lower && symbol === word.norm)
      features.push(`l:${word.lower}`)
    if (word.kind === 'word' && symbol === word.lower && word.lower.length > STEM_LENGTH)
      features.push(`s:${word.lower.slice(0, STEM_LENGTH)}`)
    // A collection's name may be meant as the word that it is.
    if (symbol === 'COLLECTION' && word.kind === 'word') features.push('l:COLLECTION')
    if (word.form !== null) features.push(`v:${symbol} ${word.form}`)
  }
  for (let at = 1; at < line.length; at++) features.push(`b:${line[at - 1]} ${line[at]}`)
  for (let at = 2; at < line.length; at++) features.push(`k:${line[at - 2]} ${line[at]}`)
  const last = read.at(-1)
  if (last !== undefined && /^[?!]$/.test(last.text)) features.push(`e:${last.text}`)
  const kinds = [...new Set(symbols.filter((symbol) => /^[A-Z]{3,}$/.test(symbol)))].sort()
  features.push(`c:${kinds.join(' ')}`)
  const verb = read.find(({ form }) => form === 'plain')
  if (verb !== undefined) for (const kind of kinds) features.push(`o:${verb.norm} ${kind}`)
  return [...new Set(features)]
}
