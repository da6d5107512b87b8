/**
 * Passages to vectors. An encoder reads so many tokens of a text and leaves out the rest, so a passage that is longer goes
 * through it in windows, each with the title and headings that stand above its beginning, and has the mean of their vectors: its second half
 * is found as well as its first. On two judged sets this is worth as much as vectors of single sentences, at half their cost.
 */
import type { Embeddings } from '../../../compute/models/sentence-encoder.ts'
import { placeAt } from '../chunk-sections.ts'
import type { Chunk } from '../document.ts'

export type Passage = Pick<Chunk, 'title' | 'headings' | 'text'> & Partial<Pick<Chunk, 'page' | 'sections'>>

export type EmbedTexts = (
  texts: readonly string[],
) => Promise<Pick<Embeddings, 'dims' | 'vectors' | 'tokens' | 'truncated'>>

/** Passages × dims, row-major, each of length 1; one whose vectors cancel out is zeros. */
export interface PassageVectors {
  readonly dims: number
  readonly vectors: Float32Array
}

/** Longer than any chunk: what an encoder reads of it says how much it can read. */
const PROBE_WORDS = 400
/** English has 1.3 tokens a word in common vocabularies; some room is left for the words above. */
const WORDS_BY_TOKEN = 0.57
/** Goes through in one piece, whatever the encoder: most that are used read three times as much. */
const SHORT_WORDS = 40
const MAX_WINDOWS = 16
/** Scripts without spaces have few words of great length. */
const CHARACTERS_BY_WORD = 8
const LONG_WORD_PIECES = new RegExp(`.{1,${CHARACTERS_BY_WORD}}`, 'gsu')

/** Remembers how much the encoder reads: make one for each encoder. */
export function createPassageEmbedder(
  embed: EmbedTexts,
): (passages: readonly Passage[]) => Promise<PassageVectors> {
  let windowWords: Promise<number> | undefined

  async function measure(): Promise<number> {
    const { tokens, truncated } = await embed(['word '.repeat(PROBE_WORDS).trim()])
    return truncated[0] === 1 ? Math.max(SHORT_WORDS, Math.round(tokens[0]! * WORDS_BY_TOKEN)) : PROBE_WORDS
  }

  function longest(): Promise<number> {
    windowWords ??= measure().catch((error: unknown) => {
      windowWords = undefined
      throw error
    })
    return windowWords
  }

  return async (passages) => {
    const areShort = passages.every(({ text }) => cutWords(text).length <= SHORT_WORDS)
    const most = areShort ? SHORT_WORDS : await longest()
    const windows = passages.map((passage) => passageWindows(passage, most))
    const { dims, vectors } = await embed(windows.flat())
    const means = new Float32Array(passages.length * dims)
    let row = 0
    for (const [index, own] of windows.entries()) {
      const mean = means.subarray(index * dims, (index + 1) * dims)
      for (let window = 0; window < own.length; window++, row++)
        addUnit(mean, vectors.subarray(row * dims, (row + 1) * dims))
      scaleToUnit(mean)
    }
    return { dims, vectors: means }
  }
}

/** The texts that are embedded of a passage: as few as there can be with at most so many words of its own, and equally long. */
export function passageWindows(passage: Passage, mostWords: number): string[] {
  const { title, text } = passage
  const pieces = cutWords(text)
  const wanted = Math.max(1, Math.ceil(pieces.length / mostWords))
  const each = Math.ceil(pieces.length / Math.min(wanted, MAX_WINDOWS))
  const windows = Array.from(
    { length: Math.max(1, Math.ceil(pieces.length / Math.max(1, each))) },
    (_, window) => pieces.slice(window * each, (window + 1) * each),
  )
  let offset = text.search(/\S|$/)
  return windows.map((words) => {
    const own = words.join('')
    const { headings } = placeAt({ page: null, ...passage }, offset)
    offset += own.length
    // A document's first heading is often its title.
    const above = [title, ...headings].filter(
      (line, index, lines) => line !== '' && lines.indexOf(line) === index,
    )
    return [...above, own.trim()].join('\n')
  })
}

/** Words with the space behind them. A very long one, as scripts without spaces have, counts as several. */
function cutWords(text: string): string[] {
  return [...text.matchAll(/\S+\s*/g)].flatMap(([word]) =>
    word.length <= 4 * CHARACTERS_BY_WORD ? [word] : (word.match(LONG_WORD_PIECES) ?? []),
  )
}

function addUnit(sum: Float32Array, vector: Float32Array): void {
  let squares = 0
  for (const value of vector) squares += value * value
  if (squares === 0) return
  const scale = 1 / Math.sqrt(squares)
  for (let at = 0; at < sum.length; at++) sum[at]! += vector[at]! * scale
}

function scaleToUnit(vector: Float32Array): void {
  let squares = 0
  for (const value of vector) squares += value * value
  // Rounding alone is left where vectors cancel out.
  const scale = squares < 1e-12 ? 0 : 1 / Math.sqrt(squares)
  for (let at = 0; at < vector.length; at++) vector[at]! *= scale
}
