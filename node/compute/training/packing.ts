/**
 * Examples as rows of fixed length. Texts are put one after another, each closed by its end token, and cut into rows: no
 * place is wasted, and attention crosses the borders of documents (as in GPT-2 and its successors; the end token tells the
 * model). An example that is learned in part only has rows of its own, padded, so that nothing else is in sight.
 */
import type { Example } from './examples.ts'
import { IGNORED_LABEL } from './trainer.ts'

/** Set on a token of a row that is not learned. */
const SILENT = 0x80000000
const TOKEN = 0x7fffffff

/** length + 1 tokens: each but the last is an input, each but the first a label. */
export type Row = Uint32Array

export interface Packer {
  push(example: Example): void
  /** What is left becomes a last row. */
  end(): void
  /** Tokens of examples that did not fit and were cut away. */
  cutTokens(): number
}

/** Rows without anything to learn are left out. */
export function createPacker(init: { length: number; padToken: number }, emit: (row: Row) => void): Packer {
  const size = init.length + 1
  let row = new Uint32Array(size)
  let filled = 0
  let cut = 0

  function write(from: Row, tokens: number): void {
    from.fill((init.padToken | SILENT) >>> 0, tokens)
    if (from.subarray(1).some((token) => token < SILENT)) emit(from)
  }

  const flagged = (token: number, counted: boolean) => (counted ? token : (token | SILENT) >>> 0)

  function pack({ tokens, counted }: Example): void {
    for (const [index, token] of tokens.entries()) {
      row[filled++] = flagged(token, counted[index]!)
      if (filled < size) continue
      const last = row[filled - 1]!
      write(row, filled)
      // What the row ended with is what the next begins with: every token is learned once.
      row = new Uint32Array(size)
      row[0] = last
      filled = 1
    }
  }

  /** The beginning of a prompt that is too long goes first, then the end of the answer. */
  function place({ tokens, counted }: Example): void {
    const excess = Math.max(0, tokens.length - size)
    const silent = counted.indexOf(true)
    // One token of the prompt stays, so that the first of the answer is learned too.
    const start = Math.min(excess, Math.max(0, silent - 1))
    cut += excess
    const own = new Uint32Array(size)
    const end = Math.min(tokens.length, start + size)
    for (let index = start; index < end; index++)
      own[index - start] = flagged(tokens[index]!, counted[index]!)
    write(own, end - start)
  }

  return {
    push: (example) => (example.isMasked ? place(example) : pack(example)),
    end() {
      if (filled > 1) write(row, filled)
      filled = 0
    },
    cutTokens: () => cut,
  }
}

/** Writes a row into a batch: inputs, and the token after each as its label. */
export function layRow(row: Row, batch: { tokens: Int32Array; labels: Int32Array }, at: number): void {
  const length = row.length - 1
  for (let index = 0; index < length; index++) {
    const next = row[index + 1]!
    batch.tokens[at + index] = row[index]! & TOKEN
    batch.labels[at + index] = next >= SILENT ? IGNORED_LABEL : next
  }
}
