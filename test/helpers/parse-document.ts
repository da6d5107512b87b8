/** Documents through the parsers of ingest, in this process. */
import * as assert from 'uvu/assert'
import {
  DEFAULT_PARSE_LIMITS,
  type Format,
  type ParsedBody,
  type ParsedPiece,
} from '../../node/agents/rag/ingest/formats/format.ts'
import { extensionOf, formatOf } from '../../node/agents/rag/ingest/formats/table.ts'
import { VillageError } from '../../node/errors.ts'

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

export async function parsePieces(
  name: string,
  parts: AsyncIterable<Buffer>,
  partBytes?: number,
): Promise<ParsedPiece[]> {
  const { parser } = need(name)
  if (parser.kind !== 'pieces') throw new Error('not a format of pieces')
  const limits = { ...DEFAULT_PARSE_LIMITS, ...(partBytes === undefined ? {} : { partBytes }) }
  const parse = await parser.load()
  const found: ParsedPiece[] = []
  for await (const piece of parse(parts, { extension: extensionOf(name), stem: 'stem', limits }))
    found.push(piece)
  return found
}

function need(name: string): Format {
  const format = formatOf(name)
  if (format === null) throw new Error(`no format for ${name}`)
  return format
}

/** The one document of a file. */
export async function parseDocument(
  name: string,
  content: Buffer | string,
  limits = DEFAULT_PARSE_LIMITS,
): Promise<ParsedBody> {
  const bytes = Buffer.from(content)
  const format = need(name)
  if (format.parser.kind === 'pieces') {
    const [piece, ...more] = await parsePieces(name, once(bytes))
    assert.is(more.length, 0)
    if (piece?.kind !== 'document') throw new Error('no document')
    return piece.body
  }
  return (await format.parser.load())(bytes, { extension: extensionOf(name), stem: 'stem', limits })
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof VillageError) return error.code
    throw error
  }
  return 'none'
}

export const shapes = (body: ParsedBody) => body.blocks.map(({ kind, level, text }) => [kind, level, text])
