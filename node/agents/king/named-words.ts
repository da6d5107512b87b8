/**
 * Words of a goal that name what this node has: `what does garden say about slugs` asks the collection garden. A name never orders anything: verbs do.
 */
import { editDistance } from '../../nearest.ts'
import type { OwnNames } from '../own-names.ts'
import type { Word } from './clause.ts'
import { isEveryday, knownWord } from './lexicon.ts'

/** More than these of a kind are not looked for. */
const MAX_NAMES = 1000
const MAX_PARTS = 6

/** `models of the kind encoder`, `an encoder`: the word as such. */
const NOT_A_NAME = /^(?:an?|kind|any|which|language)$/

const SPEAKS = /^(?:has|says?|said|holds?|contains?|tells?|mentions?|knows?|gives?)$/

type Kind = 'model' | 'collection' | 'folder'

interface Known {
  readonly kind: Kind
  readonly name: string
}

/** `boiler-manuals` is also called boiler manuals. */
const spoken = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[-_\s]+/g, ' ')
    .trim()

function table({ models, collections, folders }: OwnNames): Map<string, Known[]> {
  const known = new Map<string, Known[]>()
  const put = (kind: Kind, names: readonly string[]) => {
    for (const name of names.slice(0, MAX_NAMES)) {
      const key = spoken(name)
      if (key !== '') known.set(key, [...(known.get(key) ?? []), { kind, name }])
    }
  }
  put('model', models)
  put('collection', collections)
  put('folder', folders)
  return known
}

/** A model named `test` or `story` is one only where its id stands as such; a word of every day stays one. */
const isPlain = ({ kind, lower }: Word): boolean =>
  kind === 'word' && (isEveryday(lower) || knownWord(lower) !== null)

/** Marks words that are names: models become ids; collections and folders keep their word, for it may be meant as such. */
export function withOwnNames(words: readonly Word[], names: OwnNames): readonly Word[] {
  const known = table(names)
  if (known.size === 0) return words
  const marked: Word[] = []
  for (let at = 0; at < words.length; ) {
    const before = words[at - 1]?.lower ?? ''
    // `what recipes has on plums`, but `what letters are there`.
    const isAsked = before === 'what' && !SPEAKS.test(words[at + 1]?.lower ?? '')
    const found =
      NOT_A_NAME.test(before) || isAsked
        ? null
        : (longestName(words, at, known) ?? partOfName(words, at, known))
    if (found === null) {
      marked.push(words[at]!)
      at++
      continue
    }
    marked.push(found.word)
    at += found.length
  }
  return marked
}

function longestName(
  words: readonly Word[],
  at: number,
  known: ReadonlyMap<string, readonly Known[]>,
): { word: Word; length: number } | null {
  for (let length = Math.min(MAX_PARTS, words.length - at); length > 0; length--) {
    const parts = words.slice(at, at + length)
    if (!parts.every(({ kind }) => kind === 'word' || kind === 'id' || (kind === 'quoted' && length === 1)))
      continue
    const kinds =
      known.get(spoken(parts.map(({ lower }) => lower).join(' '))) ?? slipOf(parts, words[at - 1], known)
    const word = kinds === undefined ? null : markedWord(parts, kinds)
    if (word !== null) return { word, length }
  }
  return null
}

const MIN_SLIP = 6

/** `in the recipies`: one letter off the name of a collection, where one is spoken of. */
function slipOf(
  [word, ...more]: readonly Word[],
  before: Word | undefined,
  known: ReadonlyMap<string, readonly Known[]>,
): readonly Known[] | undefined {
  if (word === undefined || more.length > 0 || word.kind !== 'word' || word.lower.length < MIN_SLIP)
    return undefined
  if (isPlain(word) || !/^(?:in|from|the|my|our|search|ask|into)$/.test(before?.lower ?? '')) return undefined
  return [...known].find(
    ([name, rows]) => rows.some(({ kind }) => kind === 'collection') && editDistance(name, word.lower) === 1,
  )?.[1]
}

const MIN_PART = 4

/** `what do the manuals say`: a word of one collection's name and of no other, where a collection is spoken of. */
function partOfName(
  words: readonly Word[],
  at: number,
  known: ReadonlyMap<string, readonly Known[]>,
): { word: Word; length: number } | null {
  const word = words[at]!
  const isSpokenOf =
    /^(?:the|my|our)$/.test(words[at - 1]?.lower ?? '') &&
    (/^(?:say|says|mention|mentions|tell|tells|have|has)$/.test(words[at + 1]?.lower ?? '') ||
      /^(?:in|from|through|ask|search)$/.test(words[at - 2]?.lower ?? ''))
  if (!isSpokenOf || word.kind !== 'word' || word.lower.length < MIN_PART) return null
  const kinds = [...known].flatMap(([name, rows]) =>
    name.includes(' ') && name.split(' ').includes(word.lower) ? rows : [],
  )
  const [only, ...more] = kinds
  return only?.kind === 'collection' && more.length === 0
    ? { word: { ...word, own: { collection: only.name } }, length: 1 }
    : null
}

function markedWord(parts: readonly Word[], kinds: readonly Known[]): Word | null {
  const [first, last] = [parts[0]!, parts.at(-1)!]
  const of = (kind: Kind) => kinds.find((one) => one.kind === kind)
  const model = of('model')
  const whole = { ...first, end: last.end }
  if (model !== undefined && !(parts.length === 1 && isPlain(first)))
    return {
      ...whole,
      kind: 'id',
      text: model.name,
      lower: model.name.toLowerCase(),
      norm: '<id>',
      form: null,
      own: { model: model.name },
    }
  const collection = of('collection')
  const folder = of('folder')
  if (collection === undefined && folder === undefined) return null
  const own = {
    ...(collection !== undefined && { collection: collection.name }),
    ...(folder !== undefined && { folder: folder.name }),
  }
  if (parts.length === 1) return { ...first, own }
  const name = (collection ?? folder)!.name
  return { ...whole, kind: 'id', text: name, lower: name.toLowerCase(), norm: '<id>', form: null, own }
}

/** Collections of this node that a clause names, in order. */
export const ownCollections = (words: readonly Word[]): string[] => [
  ...new Set(words.flatMap(({ own }) => own?.collection ?? [])),
]
export const ownFolder = (words: readonly Word[]): string | null =>
  words.find(({ own }) => own?.folder !== undefined)?.own?.folder ?? null
