/** Names that a goal itself gives (`call it tales`, `into the collection letters`): where they come again they are names, plain words or not. */
import type { Word } from './clause.ts'
import { isEveryday, knownWord } from './lexicon.ts'
import type { Draft } from './rules/rule.ts'

export function declaredNames(drafts: readonly Draft[]): Map<string, 'model' | 'collection'> {
  const names = new Map<string, 'model' | 'collection'>()
  for (const { tool, arguments: given } of drafts) {
    if (typeof given.id === 'string') names.set(given.id.toLowerCase(), 'model')
    if (tool === 'knowledge_index' && typeof given.collection === 'string')
      names.set(given.collection.toLowerCase(), 'collection')
  }
  return names
}

export function withDeclared(
  words: readonly Word[],
  names: ReadonlyMap<string, 'model' | 'collection'>,
): Word[] {
  return words.map((word): Word => {
    const declared = /^(?:word|id|quoted)$/.test(word.kind) ? names.get(word.lower) : undefined
    if (declared === undefined) return word
    if (declared === 'collection') return { ...word, declared }
    if (word.kind === 'word' && (isEveryday(word.lower) || knownWord(word.lower) !== null)) return word
    return { ...word, kind: 'id', norm: '<id>', form: null, declared }
  })
}

const NOUN_BEFORE =
  /^(?:a|an|the|of|no|<id>|slerp|nuslerp|ties|linear|dare|della|breadcrumbs|karcher|sce|method)$/

/** `encoder` is the model that comes with every node; `a merge of`, `slerp merges` name a doing. */
export function withKnownNames(words: readonly Word[]): Word[] {
  return words.map((word, at): Word => {
    const [before, after] = [words[at - 1]?.lower ?? '', words[at + 1]?.lower ?? '']
    if (
      word.lower === 'encoder' &&
      word.kind === 'word' &&
      !/^(?:an?|kind|language|any|which|what)$/.test(before) &&
      !/^(?:models?|encoder)$/.test(after)
    )
      return { ...word, kind: 'id', norm: '<id>' }
    // `job deadbeef`: ids are hexadecimal.
    if (/^(?:jobs?|runs?|rounds?)$/.test(before) && /^[0-9a-f]{5,}$/.test(word.lower) && word.kind === 'word')
      return { ...word, kind: 'id', norm: '<id>', form: null }
    if (
      word.norm === 'merge' &&
      /^merges?$/.test(word.lower) &&
      at > 0 &&
      NOUN_BEFORE.test(before) &&
      /^(?:of|from|between|with|$)/.test(after)
    )
      return { ...word, norm: 'merge-doing', form: null }
    return word
  })
}
