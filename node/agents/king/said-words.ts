/** The words of a goal as rules read them: turns of phrase made plain, names of this node marked, what is left out gone. */
import type { OwnNames } from '../own-names.ts'
import { toWord, type Word } from './clause.ts'
import { withKnownNames } from './declared-names.ts'
import { withoutExcluded } from './exclusions.ts'
import { plainWords } from './idioms.ts'
import { withOwnNames } from './named-words.ts'
import { readTokens } from './tokens.ts'

/** With what is left out: nothing of it may become an argument. */
export const allSaid = (words: readonly Word[], own: OwnNames): readonly Word[] =>
  withKnownNames(withOwnNames(plainWords(words), own))

export const saidIn = (text: string, own: OwnNames): Word[] =>
  withoutExcluded(allSaid(readTokens(text).map(toWord), own))
