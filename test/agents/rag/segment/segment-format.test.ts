import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { openSegment } from '../../../../node/agents/rag/segment/open-segment.ts'
import { verifySegment } from '../../../../node/agents/rag/segment/verify-segment.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'

interface Golden {
  readonly documents: readonly (Omit<IndexedDocument, 'vectors'> & { readonly vectors: number[] | null })[]
  readonly id: string
  /** Base64. */
  readonly files: Readonly<Record<string, string>>
}

const golden = JSON.parse(
  readFileSync(new URL('../../../vectors/rag/segment.json', import.meta.url), 'utf8'),
) as Golden
const documents: IndexedDocument[] = golden.documents.map((document) => ({
  ...document,
  vectors: document.vectors === null ? null : Float32Array.from(document.vectors),
}))

const format = suite('segment format')
let folder = ''

format.before.each(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'village-format-'))
})
format.after.each(() => rmSync(folder, { recursive: true }))

format('known documents give the known bytes', () => {
  const { id } = writeSegment(folder, documents)
  for (const [name, bytes] of Object.entries(golden.files))
    assert.is(readFileSync(path.join(folder, id, name), 'base64'), bytes, name)
  assert.is(id, golden.id)
})

format('the known bytes read as the known documents', () => {
  mkdirSync(path.join(folder, golden.id))
  for (const [name, bytes] of Object.entries(golden.files))
    writeFileSync(path.join(folder, golden.id, name), Buffer.from(bytes, 'base64'))
  verifySegment(folder, golden.id)
  const segment = openSegment(folder, golden.id)
  assert.equal(
    golden.documents.map((_, index) => segment.indexedDocument(index)),
    documents,
  )
  const slab = segment.postings('slab')!
  assert.is(slab.chunk, 0)
  // A title of 2 terms, a gap of 16, a heading of 1, a gap of 16, then `heat flows through a slab the slab's`.
  assert.equal([...slab.positions()], [18, 39, 41, 48])
  const entry = segment.postings('entri')!
  assert.is(entry.df, 140)
  assert.is(entry.blocks, 2)
  assert.is(entry.seek(130), 130)
  segment.close()
})

format.run()
