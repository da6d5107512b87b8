/** A tokenizer of one token a letter, and rows as a trainer sees them. */
import type { ExampleInit } from '../../node/compute/training/examples.ts'
import { layRow, type Row } from '../../node/compute/training/packing.ts'

/** One token a letter, and 1 at the beginning where special tokens are asked for. */
export const END = 0
export const INIT: ExampleInit = {
  tokenizer: {
    encode: (text, init) => [
      ...(init?.specialTokens === true ? [1] : []),
      ...[...text].map((letter) => letter.codePointAt(0)!),
    ],
  },
  template: null,
  endToken: END,
}

export function laid(row: Row): { tokens: number[]; labels: number[] } {
  const length = row.length - 1
  const batch = { tokens: new Int32Array(length), labels: new Int32Array(length) }
  layRow(row, batch, 0)
  return { tokens: [...batch.tokens], labels: [...batch.labels] }
}
