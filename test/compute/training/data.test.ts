/** Documents from files, the held-out part, and prepared data on the disk. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBatches } from '../../../node/compute/training/batches.ts'
import { readDocuments } from '../../../node/compute/training/documents.ts'
import {
  isHeldOut,
  openPrepared,
  type PrepareInit,
  prepareData,
  readPrepared,
} from '../../../node/compute/training/prepare-data.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { END, INIT, laid } from '../../helpers/training-examples.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-training-data-'))
const test = suite('training data')
test.after(() => rmSync(root, { recursive: true, force: true }))

let files = 0
function fileWith(name: string, content: string | Uint8Array): string {
  const directory = path.join(root, String(files++))
  const file = path.join(mkdtempSync(directory), name)
  writeFileSync(file, content)
  return file
}

const read = (file: string, split: 'blank-line' | 'file' = 'blank-line') => [
  ...readDocuments(file, { split }),
]
test('text files: paragraphs or whole files, with the line where each begins', () => {
  const text = 'one\ntwo\n\n\r\nthree\r\n   \nfour'
  const file = fileWith('a.txt', text)
  assert.equal(
    read(file).map(({ line, document }) => [line, document.kind === 'text' ? document.text : '']),
    [
      [1, 'one\ntwo'],
      [5, 'three'],
      [7, 'four'],
    ],
  )
  assert.is(read(file, 'file').length, 1)
  assert.equal(read(fileWith('empty.txt', '\n\n')), [])
})

test('a long text is cut at the end of a line and nothing of it is lost', () => {
  const line = 'x'.repeat(999)
  const file = fileWith('long.txt', `${line}\n`.repeat(2_500))
  const parts = read(file, 'file').map(({ document }) => (document.kind === 'text' ? document.text : ''))
  assert.ok(parts.length > 1)
  assert.is(parts.join('\n').length, 2_500 * 1_000 - 1)
})

test('JSON lines: texts, completions and conversations; what is wrong names file and line', () => {
  const file = fileWith(
    'good.jsonl',
    [
      '{"text":"a","id":7}',
      '',
      '{"prompt":"2+2=","completion":"4"}',
      '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}',
    ].join('\n'),
  )
  assert.equal(
    read(file).map(({ line, document }) => [line, document.kind]),
    [
      [1, 'text'],
      [3, 'completion'],
      [4, 'messages'],
    ],
  )
  const wrong = [
    '{',
    '[]',
    '{"text":""}',
    '{"text":"a","prompt":"b","completion":"c"}',
    '{"prompt":"b"}',
    '{"completion":"b"}',
    '{"messages":[]}',
    '{"messages":[{"role":"user","content":"q"}]}',
    '{"messages":[{"role":"assistant"}]}',
    '{"content":"a"}',
  ]
  for (const line of wrong) {
    const bad = fileWith('bad.jsonl', `{"text":"fine"}\n${line}\n`)
    try {
      read(bad)
      assert.unreachable(line)
    } catch (error) {
      assert.match((error as Error).message, 'bad.jsonl, line 2')
    }
  }
  throwsCode(() => read(fileWith('bytes.jsonl', Uint8Array.of(0x22, 0xff, 0x22))), 'TRAIN_DATA_INVALID')
  throwsCode(() => read(fileWith('long.jsonl', `"${'x'.repeat(5 * 2 ** 20)}"`)), 'TRAIN_DATA_INVALID')
  throwsCode(() => read(path.join(root, 'none.txt')), 'FILE_UNREADABLE')
  throwsCode(() => read(root), 'FILE_UNREADABLE')
})

test('prepared data: the held-out part by content, the rest in rows, readable after a restart', async () => {
  const lines = Array.from({ length: 300 }, (_, index) => `{"text":"document number ${index}"}`)
  const file = fileWith('many.jsonl', lines.join('\n'))
  const directory = mkdtempSync(path.join(root, 'prepared-'))
  const init: PrepareInit = {
    directory,
    files: [file],
    split: 'blank-line',
    length: 16,
    vocabulary: 128,
    padToken: 0,
    heldOut: 0.2,
    seed: 4,
  }
  const { signal } = new AbortController()
  const data = await prepareData(INIT, init, signal)
  assert.is(data.documents, 300)
  assert.ok(data.heldOutDocuments > 30 && data.heldOutDocuments < 90, String(data.heldOutDocuments))
  assert.equal(readPrepared(directory), data)
  using source = openPrepared(directory, data)
  const words = (part: 'train' | 'heldOut', rows: number) =>
    Array.from({ length: rows }, (_, index) => laid(source.row(part, index)).tokens)
      .flat()
      .map((token) => (token === END ? '\n' : String.fromCodePoint(token)))
      .join('')
  const learned = words('train', source.rows)
  const measured = words('heldOut', source.heldOutRows)
  for (let index = 0; index < 300; index++) {
    const text = `document number ${index}`
    const isOut = isHeldOut({ kind: 'text', text }, init)
    assert.is(measured.includes(`${text}\n`), isOut, text)
    assert.is(learned.includes(`${text}\n`), !isOut, text)
  }
  const batches = createBatches(source, { batch: 7, length: 16, seed: 1, maxHeldOutBatches: 3 })
  assert.is(batches.heldOutBatches, 3)
  assert.is(batches.batch(0).tokens.length, 7 * 16)
  assert.equal(batches.batch(5), batches.batch(5))

  const refuse = (change: Partial<PrepareInit>) =>
    rejectsCode(
      prepareData(INIT, { ...init, directory: mkdtempSync(path.join(root, 'refused-')), ...change }, signal),
      'TRAIN_DATA_INVALID',
    )
  await refuse({ files: [fileWith('none.txt', '\n')] })
  const strange = await refuse({ files: [fileWith('strange.txt', 'fine\n\n\u00e9')] })
  assert.match(strange.message, 'strange.txt, line 3')
})

test.run()
