/**
 * Which look-only tool a question about this node is for, where no rule knows its turn of phrase: naive Bayes over the words of written examples
 * (look-examples.ts). Only for tools that change nothing, and only for clauses that speak of nothing else than the node and its village.
 */
import { type Clause, lineOf, toWord, type Word } from './clause.ts'
import { LOOK_EXAMPLES } from './look-examples.ts'
import { isOwnMatter } from './own-matters.ts'
import { readTokens } from './tokens.ts'

/** Added to every count, so that a word that one tool never had does not rule it out. */
const SMOOTHING = 0.3
/** The best must be so much likelier than the second: 4 to 1. */
const MARGIN = Math.log(4)
/** One word at least must speak for the tool by itself: this share of its examples is the tool's. */
const OWN_SHARE = 0.6
const MAX_WORDS = 16

/** Asks for reasons, advice or how to do it: for the documents. */
const NOT_A_LOOK =
  /^(?:why|should|would|could|can (?:i|we|it|the|a|this|that)|may|might|how (?:do|can|should|would|to|come)|what (?:do (?:you|it|that|this)|would|could|should|can|if|happen|is up|makes?)|explain|what is (?:a|an|the (?:point|use|meaning|difference|purpose))|what is <id>)(?: |$)/
const OF_DOCUMENTS =
  /(?:^| )(?:say|mention|about|document|note|mean|explain|summarise|work|best|better|if)(?: |$)/

const featuresOf = (words: readonly Word[]): string[] => [
  ...new Set(words.flatMap(({ kind, norm, lower }) => (kind === 'word' ? [norm, lower] : []))),
]

interface Trained {
  readonly tools: readonly string[]
  /** Examples of each tool. */
  readonly counts: readonly number[]
  readonly words: ReadonlyMap<string, readonly number[]>
}

type Examples = readonly (readonly [tool: string, features: readonly string[]])[]

export function trainLook(examples: Examples): Trained {
  const tools = [...new Set(examples.map(([tool]) => tool))]
  const counts = tools.map(() => 0)
  const words = new Map<string, number[]>()
  for (const [tool, features] of examples) {
    const at = tools.indexOf(tool)
    counts[at]!++
    for (const feature of features) {
      const row = words.get(feature) ?? tools.map(() => 0)
      row[at]!++
      words.set(feature, row)
    }
  }
  return { tools, counts, words }
}

/** The tool that the words are likeliest for; null where none stands out. */
export function likeliestTool(features: readonly string[], { tools, counts, words }: Trained): string | null {
  const known = features.flatMap((feature) => words.get(feature) ?? [])
  if (known.length === 0) return null
  const rows = features.flatMap((feature) => {
    const row = words.get(feature)
    return row === undefined ? [] : [row]
  })
  const scores = tools.map((_, at) =>
    rows.reduce((sum, row) => sum + Math.log((row[at]! + SMOOTHING) / (counts[at]! + 2 * SMOOTHING)), 0),
  )
  const order = scores.map((_, at) => at).sort((one, other) => scores[other]! - scores[one]!)
  const [best, second] = order as [number, number]
  const speaks = rows.some((row) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    return row[best]! >= 2 && row[best]! / total >= OWN_SHARE
  })
  return speaks && scores[best]! - scores[second]! >= MARGIN ? tools[best]! : null
}

export const featuresIn = (text: string): string[] => featuresOf(readTokens(text).map(toWord))

const TRAINED: Trained = trainLook(
  Object.entries(LOOK_EXAMPLES).flatMap(([tool, lines]) =>
    lines
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => [tool, featuresIn(line)] as const),
  ),
)

/** Null: it asks for something else, or it is not clear which. */
export function lookTool({ words, mood }: Clause): string | null {
  const line = lineOf(words)
  if (mood === 'statement' || words.length > MAX_WORDS || NOT_A_LOOK.test(line) || OF_DOCUMENTS.test(line))
    return null
  if (words.some(({ kind }) => kind !== 'word' && kind !== 'mark') || !isOwnMatter(words)) return null
  return likeliestTool(featuresOf(words), TRAINED)
}
