/** What a compressed model says of itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeCompressedFile, readCompressedFile } from '../../../node/compute/models/compressed-file.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'village-compressed-file-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

const FILE = { model: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3', codec: 'int4', bitsPerWeight: 4.5 }
const write = (text: string) => writeFileSync(path.join(directory, 'compressed.json'), text)

test('what is written is read, and a model without it says nothing', () => {
  assert.is(readCompressedFile(directory), null)
  write(encodeCompressedFile(FILE))
  assert.equal(readCompressedFile(directory), FILE)
})

test('what is not understood says nothing', () => {
  for (const odd of [
    { model: '../../etc' },
    { codec: 'int4\u001b[2J' },
    { bitsPerWeight: -1 },
    { bitsPerWeight: null },
    { codec: 'x'.repeat(5_000) },
  ]) {
    write(JSON.stringify({ ...JSON.parse(encodeCompressedFile(FILE)), ...odd }))
    assert.is(readCompressedFile(directory), null, JSON.stringify(odd).slice(0, 50))
  }
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      write(text)
      assert.is(readCompressedFile(directory), null)
    }),
  )
})

test.run()
