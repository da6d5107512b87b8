/** The words of a goal as rules read them: turns of phrase made plain, names of this node marked, what is left out gone. */
import type { OwnNames } from '../own-names.ts'
import { toWord, type Word } from './clause.ts'
import { withKnownNames } from './declared-names.ts'
import { withoutExcluded } from './exclusions.ts'
import { plainWords } from './idioms.ts'
import { withOwnNames } from './named-words.ts'
import { codecsOf, methodOf } from './slots.ts'
import { readTokens } from './tokens.ts'

/** `TIES-merge`, `LoRA-train`: how, and what is to be done. */
const HOW_AND_WHAT = /^([a-z0-9]+)-(merge|compress|quantise|quantize|train|tune)$/i

function apart(word: Word): Word[] {
  const [, how, what] = (word.kind === 'id' && HOW_AND_WHAT.exec(word.text)) || []
  if (how === undefined || what === undefined || word.start === word.end) return [word]
  const part = (text: string, start: number): Word =>
    toWord({ ...word, kind: 'word', text, lower: text.toLowerCase(), start, end: start + text.length })
  const named = part(how, word.start)
  if (methodOf([named]) === null && codecsOf([named]).length === 0 && !/^lora$/i.test(how)) return [word]
  // The verb first: `merge ties a and b`.
  return [part(what, word.start + how.length + 1), named]
}

/** With what is left out: nothing of it may become an argument. */
export const allSaid = (words: readonly Word[], own: OwnNames): readonly Word[] =>
  withKnownNames(withOwnNames(plainWords(words.flatMap(apart)), own))

export const saidIn = (text: string, own: OwnNames): Word[] =>
  withoutExcluded(allSaid(readTokens(text).map(toWord), own))
