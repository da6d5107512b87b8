/** Inflated blocks in memory: bounded over all files, the least recently used go first, and those of a closed segment at once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createInflatedBlocks, inflatedBytes } from '../../../../node/agents/rag/segment/inflated-blocks.ts'
import { openSegment } from '../../../../node/agents/rag/segment/open-segment.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'
import { madeDocument } from '../../../helpers/index-documents.ts'

const MIB = 1024 * 1024

test('sixteen mebibytes of all files together', () => {
  const [one, other] = [createInflatedBlocks(), createInflatedBlocks()]
  for (let block = 0; block < 10; block++) one.set(block, new Uint8Array(MIB))
  assert.is(inflatedBytes(), 10 * MIB)
  assert.ok(one.get(0))
  for (let block = 0; block < 10; block++) other.set(block, new Uint8Array(MIB))
  assert.is(inflatedBytes(), 16 * MIB)
  // Four had to go: those after the one that was asked for again.
  assert.equal(
    Array.from({ length: 10 }, (_, block) => one.get(block) !== undefined),
    [true, false, false, false, false, true, true, true, true, true],
  )
  one.set(99, new Uint8Array(MIB + 1))
  assert.is(one.get(99), undefined)
  one.clear()
  assert.is(inflatedBytes(), 10 * MIB)
  other.clear()
  assert.is(inflatedBytes(), 0)
})

test('what is read again is the same, and a closed segment leaves nothing', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'village-inflated-'))
  const documents = Array.from({ length: 60 }, (_, at) => madeDocument({ name: `d${at}`, words: 400 }))
  const { id, header } = writeSegment(folder, documents)
  const segment = openSegment(folder, id)
  const read = () => Array.from({ length: header.chunks }, (_, chunk) => segment.chunk(chunk))
  const first = read()
  const held = inflatedBytes()
  assert.ok(held > 100_000)
  assert.equal(read(), first)
  assert.is(inflatedBytes(), held)
  segment.close()
  assert.is(inflatedBytes(), 0)
  rmSync(folder, { recursive: true })
})

test.run()
