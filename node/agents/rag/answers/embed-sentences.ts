/** Cosines of the question and the sentences that look best by their words, by the encoder of the collection that they come from. */
import type { Embedding } from '../../../compute/models/embedding.ts'
import { toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Knowledge } from '../village/knowledge.ts'
import type { AnswerWarning } from './answer.ts'
import type { ReadPassage } from './read-passages.ts'
import { type ScoredSentence, withCosine } from './score-sentences.ts'

interface Components {
  readonly knowledge: Pick<Knowledge, 'collections'>
  readonly embedding: Pick<Embedding, 'embed'>
  readonly log: Log
}

/** Sentences that are embedded: each costs more than a search by words. With the question they fill one run of the encoder. */
const MAX_EMBEDDED = 15

/** Below its last heading, as passages are embedded: a row of a table seldom says what the table is about. */
function underHeading({ text, passage, section }: ScoredSentence, passages: readonly ReadPassage[]): string {
  const heading = passages[passage]?.hit.sections[section]?.headings.at(-1)
  return heading === undefined ? text : `${heading}\n${text}`
}

/** The encoder that most of the passages with a cosine have, or null. */
async function encoderOf(components: Components, passages: readonly ReadPassage[]): Promise<string | null> {
  const labels = passages.flatMap(({ hit }) => (hit.cosine === null ? [] : [hit.collection]))
  if (labels.length === 0) return null
  const encoders = new Map(
    (await components.knowledge.collections()).map(({ label, encoder }) => [label, encoder]),
  )
  const counts = new Map<string, number>()
  for (const label of labels) {
    const encoder = encoders.get(label) ?? null
    if (encoder !== null) counts.set(encoder, (counts.get(encoder) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null
}

/**
 * The best sentences by their words, each with its cosine where an encoder is at hand. All passages' sentences go through the same
 * encoder, whichever collection they are of, so that their scores compare. Throws the signal's reason only: without an encoder
 * words decide, and a warning says so.
 */
export async function embedSentences(
  components: Components,
  given: {
    readonly question: string
    readonly scored: readonly ScoredSentence[]
    readonly passages: readonly ReadPassage[]
  },
  signal: AbortSignal,
): Promise<{ sentences: ScoredSentence[]; warnings: AnswerWarning[] }> {
  const { question, scored, passages } = given
  const sentences = [...scored]
    .sort((a, b) => b.score - a.score || a.passage - b.passage || a.place - b.place)
    .slice(0, MAX_EMBEDDED)
  const encoder = await encoderOf(components, passages)
  if (encoder === null || sentences.length === 0) return { sentences, warnings: [] }
  try {
    const texts = [question, ...sentences.map((sentence) => underHeading(sentence, passages))]
    const { dims, vectors } = await components.embedding.embed(encoder, texts, signal)
    const vectorAt = (index: number) => vectors.subarray(index * dims, (index + 1) * dims)
    return {
      sentences: sentences.map((sentence, index) => withCosine(sentence, vectorAt(index + 1), vectorAt(0))),
      warnings: [],
    }
  } catch (error) {
    signal.throwIfAborted()
    const { code } = toVillageError(error)
    components.log.info({ code }, 'sentences of an answer could not be embedded')
    return {
      sentences,
      warnings: [
        {
          code: 'SENTENCES_NOT_EMBEDDED',
          message: `The sentences were chosen by their words alone: the encoder failed (${code})`,
        },
      ],
    }
  }
}
