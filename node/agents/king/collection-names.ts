/** Names of collections in a clause. */
import type { Word } from './clause.ts'
import { ownCollections } from './named-words.ts'

/** The collection that is named: `into the collection notes`, `as notes`, `in my-notes`, `my papers collection`, `collection: notes`. */
export function collectionOf(words: readonly Word[], isIndexing: boolean): string | null {
  const isWord = (word: Word | undefined): word is Word =>
    word !== undefined &&
    ['word', 'id', 'quoted'].includes(word.kind) &&
    !ARTICLE.test(word.lower) &&
    !/^<?(?:collection|folder|file)/.test(word.norm)
  const [own] = ownCollections(words)
  if (!isIndexing && own !== undefined) return own
  for (const [at, { norm }] of words.entries()) {
    if (norm !== 'collection' && !(norm === 'one' && /^(?:call|name)$/.test(words[at + 1]?.norm ?? '')))
      continue
    let next = at + 1
    while (/^(?:call|name|:|=)$/.test(words[next]?.norm ?? '')) next++
    const named = words[next]
    if (
      isWord(named) &&
      named.form === null &&
      (next > at + 1 || named.kind !== 'word' || !COMMON.test(named.norm))
    )
      return named.text
    const left = words[at - 1]
    if (isWord(left) && !COMMON.test(left.norm) && left.form === null) return left.text
  }
  if (own !== undefined) return own
  if (!isIndexing) {
    for (let at = 1; at < words.length; at++) {
      const word = words[at]!
      if (
        /^(?:in|from|within|across|through|of)$/.test(words[at - 1]!.norm) &&
        (word.kind === 'quoted' ? !/\s/.test(word.text) : false)
      )
        return word.text
    }
    return null
  }
  for (let at = 1; at < words.length; at++) {
    const word = words[at]!
    let left = at - 1
    while (left > 0 && ARTICLE.test(words[left]!.lower)) left--
    const joined = words[left]!
    const isInto =
      /^(?:into|in|as|to|under)$/.test(joined.norm) ||
      (/^(?:call|name)$/.test(joined.norm) && words.length > at) ||
      (joined.norm === 'it' && /^(?:call|name)$/.test(words[left - 1]?.norm ?? ''))
    if (isInto && isWord(word) && word.kind !== 'path' && !COMMON.test(word.norm) && word.form === null)
      return word.text
  }
  return null
}

const ARTICLE = /^(?:the|a|an|my|our|your|this|that|new|its|of)$/
const COMMON =
  /^(?:many|few|several|two|three|four|own|these|those|collections|and|or|with|for|so|that|which|is|are|it|them|please|then|to|in|on|of|from|about|first|new|existing|same|right|order|general|total|full|case|detail|knowledge|memory|background|private|public|every|each|all|any|which|what|another|other|one|called|named|named:|do|have|i|you|we|there|not|if|when|who|holds|contains|say|says|me|this|that|these|those|by)$/

/** A name for a collection that a folder or file goes to: the last part of its path. */
export function collectionOfPath(path: string): string | null {
  const last = path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1)!
    .replace(/(?<=.)\.[A-Za-z0-9]{1,11}$/, '')
  const name = last
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  return name === '' ? null : name
}
