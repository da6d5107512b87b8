/** Documents of the curriculum as training rows. */
import type { LanguageTokenizer } from '../../node/compute/models/tokenizer.ts'
import type { Example } from '../../node/compute/training/examples.ts'
import { createPacker, type Row } from '../../node/compute/training/packing.ts'
import type { Document } from './curriculum/item.ts'

/** The answer is learned, the question is not: what it asks is chance, and there is nothing to learn in it. */
function exampleOf(
  document: Document,
  tokenizer: Pick<LanguageTokenizer, 'encode'>,
  endToken: number,
): Example {
  const asked = tokenizer.encode(document.prompt)
  const learned = [...tokenizer.encode(document.text), endToken]
  return {
    tokens: [...asked, ...learned],
    counted: [...asked.map(() => false), ...learned.map(() => true)],
    isMasked: true,
  }
}

/**
 * As many whole documents in each row as fit, the rest padded: every row begins with a document, as a prompt does that
 * the model is asked later, and none is cut.
 */
export function layRows(
  documents: Iterable<Document>,
  init: { tokenizer: Pick<LanguageTokenizer, 'encode'>; endToken: number; length: number },
): Row[] {
  const { tokenizer, endToken, length } = init
  const rows: Row[] = []
  const packer = createPacker({ length, padToken: endToken }, (row) => rows.push(row))
  let tokens: number[] = []
  let counted: boolean[] = []
  const close = () => {
    if (tokens.length > 0) packer.push({ tokens, counted, isMasked: true })
    tokens = []
    counted = []
  }
  for (const document of documents) {
    const example = exampleOf(document, tokenizer, endToken)
    if (tokens.length + example.tokens.length > length + 1) close()
    tokens.push(...example.tokens)
    counted.push(...example.counted)
  }
  close()
  if (packer.cutTokens() > 0)
    throw new Error(`a document of the curriculum is longer than ${length + 1} tokens`)
  return rows
}
