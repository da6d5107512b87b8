/** One verb for things of several tools: `all evolution runs as a list, plus the details of run 0ab93f`. The grammar sees one clause; what each part is likest for tells them apart. */
import { type Clause, lineOf, textOf, type Word } from '../clause.ts'
import { CONNECTORS } from '../clause-pieces.ts'
import { intentOf } from './clause-intent.ts'

/** Takes what it looks at from a name or from nothing, so that a part of a list is enough. */
const LOOKS =
  /^(?:knowledge_collections|model_(?:list|inspect)|job_(?:list|show)|round_(?:list|show)|member_list|node_status|time_now|file_(?:list|read))$/
const SURE = 0.9
const MIN_WORDS = 2

/** Parts in their order; a clause that is one stays as it is. */
export function splitMixed(clause: Clause): Clause[] {
  const { words, condition, isOff } = clause
  if (isOff || condition !== null) return [clause]
  const lead = leadOf(words)
  for (let at = lead.length + 1; at < words.length - 1; at++) {
    if (!CONNECTORS.test(words[at]!.norm)) continue
    const first = part(clause, words.slice(0, at))
    const rest = words.slice(at + 1)
    const second = part(clause, CONNECTORS.test(rest[0]!.norm) ? rest.slice(1) : rest, lead)
    if (first.words.length < MIN_WORDS || second.words.length < MIN_WORDS + lead.length) continue
    const [one, other] = [intentOf(first), intentOf(second)]
    const areSure = one.share >= SURE && other.share >= SURE
    if (areSure && one.tool !== other.tool && LOOKS.test(one.tool) && LOOKS.test(other.tool))
      return [first, ...splitMixed(second)]
  }
  return [clause]
}

/** `show me`, `list`: what goes for each part. */
function leadOf(words: readonly Word[]): readonly Word[] {
  if (words[0]?.form !== 'plain') return []
  const end = words.findIndex(({ norm }, at) => at > 0 && !/^(?:me|us|please)$/.test(norm))
  return words.slice(0, Math.max(1, end))
}

function part(clause: Clause, words: readonly Word[], lead: readonly Word[] = []): Clause {
  const all = [...lead, ...words]
  return { ...clause, words: all, line: lineOf(all), text: textOf(words, clause.source) }
}
