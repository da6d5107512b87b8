import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeText, detectEncoding } from '../../../../node/agents/rag/ingest/formats/decode-text.ts'
import { readParts } from '../../../../node/agents/rag/ingest/parser/read-parts.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'village-parts-'))
const file = path.join(directory, 'text.txt')
test.after(() => rmSync(directory, { recursive: true, force: true }))

async function parts(bytes: Buffer, partBytes: number, sizeBytes = bytes.length): Promise<Buffer[]> {
  writeFileSync(file, bytes)
  const handle = openSync(file, 'r')
  const found: Buffer[] = []
  try {
    for await (const part of readParts(handle, partBytes, sizeBytes)) found.push(Buffer.from(part))
  } finally {
    closeSync(handle)
  }
  return found
}

const line = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'ö', '文', '😀'), maxLength: 30 })
const text = fc.array(line, { minLength: 1, maxLength: 60 }).map((lines) => `x${lines.join('\n')}`)

test('parts are the file, whole characters each, in every encoding', async () => {
  const encodings = [
    (value: string) => Buffer.from(value, 'utf8'),
    (value: string) => Buffer.from(`\ufeff${value}`, 'utf16le'),
    (value: string) => Buffer.from(`\ufeff${value}`, 'utf16le').swap16(),
  ]
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.constantFrom(...encodings),
      fc.integer({ min: 32, max: 200 }),
      async (value, encode, half) => {
        const bytes = encode(value)
        const found = await parts(bytes, half * 2)
        assert.equal(Buffer.concat(found), bytes)
        assert.ok(found.every((part) => part.length > 0 && part.length <= half * 2))
        const encoding = detectEncoding(found[0]!, found.length === 1)
        const decoded = found.map((part) => decodeText(part, encoding).text).join('')
        assert.is(decoded.replaceAll('\ufeff', ''), value)
      },
    ),
    { numRuns: 200, seed: 8 },
  )
})

test('parts end behind an empty line where there is one near, else behind a line', async () => {
  const paragraphs = Buffer.from(`${'a'.repeat(80)}\n\n${'b'.repeat(10)}\n${'c'.repeat(60)}\n`)
  assert.is((await parts(paragraphs, 100))[0]!.length, 82)
  const lines = Buffer.from(`${'a'.repeat(80)}\n${'b'.repeat(60)}\n`)
  assert.is((await parts(lines, 100))[0]!.length, 81)
})

test('what was added since it was opened is left, and a file that became shorter ends early', async () => {
  const bytes = Buffer.from('abc\n'.repeat(100))
  assert.is(Buffer.concat(await parts(bytes, 64, 201)).length, 201)
  assert.is(Buffer.concat(await parts(bytes, 64, 1_000)).length, 400)
  assert.equal(await parts(Buffer.alloc(0), 64), [])
})

test.run()
