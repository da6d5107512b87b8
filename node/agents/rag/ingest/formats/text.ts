/** Plain text of any length: paragraphs between empty lines. A long one becomes several documents. */
import { createHash } from 'node:crypto'
import type { Block } from '../../document.ts'
import { paragraphs } from './blocks.ts'
import { decodeText, detectEncoding, type TextEncoding } from './decode-text.ts'
import { type ParseContext, type ParsedPiece, toTitle } from './format.ts'

const MAX_TITLE_LINE = 120

/** A short first line that stands alone is what a person would call the title. */
function titleOf(blocks: readonly Block[]): string | null {
  const first = blocks.length > 1 ? (blocks[0]?.text ?? '') : ''
  const isTitle = first.length <= MAX_TITLE_LINE && !first.includes('\n') && !/[.,;:!?…]$/.test(first)
  return isTitle ? toTitle(first) : null
}

export async function* parseText(
  parts: AsyncIterable<Buffer>,
  context: ParseContext,
): AsyncGenerator<ParsedPiece> {
  let encoding: TextEncoding | null = null
  let title: string | null = null
  let number = 0
  let pending: Buffer | null = null
  function piece(bytes: Buffer, isOnly: boolean): ParsedPiece {
    number++
    encoding ??= detectEncoding(bytes, isOnly)
    const { text, warnings } = decodeText(bytes, isOnly ? null : encoding)
    const blocks = paragraphs(text)
    if (number === 1) title = titleOf(blocks)
    const partTitle: string = isOnly ? (title ?? context.stem) : `${title ?? context.stem} (${number})`
    return {
      kind: 'document',
      number: isOnly ? null : number,
      contentHash: createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
      body: { title: toTitle(partTitle), language: null, fields: {}, blocks, warnings },
    }
  }
  // One part is held back, so that the only part of a short text is known to be the only one.
  for await (const part of parts) {
    if (pending !== null) yield piece(pending, false)
    pending = part
  }
  if (pending !== null) yield piece(pending, number === 0)
}
