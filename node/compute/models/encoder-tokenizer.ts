import { VillageError } from '../../errors.ts'

/** Ids 0 to 5 stand for no text: unknown, sentence marks, and spare ids of the original. */
const RESERVED_IDS = 6

/**
 * The tokenizer.json (Hugging Face format) of the embedded encoder, from the [piece, score] list of its
 * package.
 *
 * A SentencePiece unigram model (Kudo, arXiv 1804.10959): NFKC, runs of white space to one U+2581, one in
 * front, the segmentation of highest total score, neighbouring unknown characters merged. Two repairs are
 * made:
 * - Reserved pieces get names with a space, which no text contains after white space became U+2581: "<s>" in a text
 *   is text.
 * - The package lost the score of pieces with a colon (null, or the number after the colon). The list is sorted by
 *   score, so that the scores next to the gap give it back to within 0.01.
 */
export function encoderTokenizer(vocabulary: unknown): object {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFKC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Strip', strip_left: true, strip_right: true },
      ],
    },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false },
    model: { type: 'Unigram', unk_id: 0, vocab: repairVocabulary(vocabulary), byte_fallback: false },
  }
}

/** The [piece, score] rows with reserved names and lost scores repaired; the row number is the token id. */
export function repairVocabulary(vocabulary: unknown): [piece: string, score: number][] {
  const rows = parseRows(vocabulary)
  const scores = rows.map(([, score]) => score)
  for (let id = RESERVED_IDS; id < rows.length; id++) {
    if (!isLost(scores, id)) continue
    let next = id + 1
    while (next < rows.length && isLost(scores, next, id - 1)) next++
    const before = scores[id - 1] ?? 0
    const after = scores[next] ?? before
    scores[id] = before + (after - before) / (next - id + 1)
  }
  return rows.map(([piece], id) => (id < RESERVED_IDS ? [`<reserved ${id}>`, 0] : [piece, scores[id]!]))
}

/** A score is lost where it is no number or breaks the descending order of the list. */
function isLost(scores: readonly (number | null)[], id: number, lastGood = id - 1): boolean {
  const score = scores[id]
  if (score === null || score === undefined || !Number.isFinite(score)) return true
  return score > (lastGood < RESERVED_IDS ? 0 : scores[lastGood]!)
}

function parseRows(vocabulary: unknown): [string, number | null][] {
  const invalid = new VillageError(
    'MODEL_MALFORMED',
    'The vocabulary of the embedded encoder is not a list of pieces.',
  )
  if (!Array.isArray(vocabulary) || vocabulary.length <= RESERVED_IDS) throw invalid
  return vocabulary.map((row: unknown) => {
    if (!Array.isArray(row)) throw invalid
    const [piece, score] = row as unknown[]
    if (typeof piece !== 'string' || (typeof score !== 'number' && score !== null)) throw invalid
    return [piece, score]
  })
}
