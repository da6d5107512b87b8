/** What the asker leaves out: `index ~/a but not ~/b`, `everything except /etc`. No rule sees it, so it never becomes an argument. */
import { lineOf, type Word } from './clause.ts'

const MARK =
  /^(?:(?:but |and |, )?not|(?:but )?(?:never|except(?: for)?|excepting|excluding|excludes?|apart from|other than|all but|aside from|leaving out|leave out|save for|minus|barring|ignoring|skipping|rather than|instead of))(?= )/
/** Between the mark and what it takes away. */
const BETWEEN =
  /^(?:the|a|an|my|our|your|for|from|on|in|into|at|of|with|by|one|ones|that|those|this|folder|file|collection|model|document|data|everything|anything|under|which|is|are|and|or|,|also|job)$/
const NAMED = new Set(['path', 'id', 'quoted', 'url'])
const HELPING = /^(?:do|can|could|will|would|should|must|may|might|is|are|was|were|have|please|or)$/
const MAX_BETWEEN = 5

export function withoutExcluded(words: readonly Word[]): Word[] {
  const kept: Word[] = []
  for (let at = 0; at < words.length; ) {
    const isFirst = at === 0 && /^not (?:from|in|with|on) /.test(lineOf(words.slice(0, 3)))
    const end = (at > 0 || isFirst) && !HELPING.test(words[at - 1]?.norm ?? '') ? excludedFrom(words, at) : 0
    if (end > at) at = end
    else kept.push(words[at++]!)
  }
  return kept
}

/** The end of what is taken away from `at` on; 0 where nothing is. */
function excludedFrom(words: readonly Word[], at: number): number {
  const mark = MARK.exec(`${lineOf(words.slice(at, at + 3))} `)?.[0]
  if (mark === undefined) return 0
  let next = at + mark.split(' ').length
  let end = 0
  for (let between = 0; next < words.length && between <= MAX_BETWEEN; next++) {
    const { kind, norm, own } = words[next]!
    if (NAMED.has(kind) || own !== undefined) {
      end = next + 1
      between = 0
    } else if (BETWEEN.test(norm) && !(end > 0 && /^(?:into|in|as|to|on|with|for)$/.test(norm))) between++
    else break
  }
  return end
}
