import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { documentText } from '../../../../node/agents/rag/ingest/units.ts'
import { makeDocx, makePdf } from '../../../helpers/document-files.ts'
import { codeOf, parseDocument, parsePieces, shapes } from '../../../helpers/parse-document.ts'

const text = suite('text')

text('paragraphs, and a title where the first line is one', async () => {
  const body = await parseDocument('a.txt', 'The title\r\n\r\nOne line\r\nand another.\n\n\n\nMore.  \n')
  assert.is(body.title, 'The title')
  assert.equal(shapes(body), [
    ['text', null, 'The title'],
    ['text', null, 'One line\nand another.'],
    ['text', null, 'More.'],
  ])
  assert.is((await parseDocument('a.txt', 'Only a sentence.\n\nAnd one more.')).title, 'stem')
})

text('encodings: UTF-16, Windows-1252 with a warning, and what is no text', async () => {
  const wide = await parseDocument('a.txt', Buffer.from('\ufeffHëllo', 'utf16le'))
  assert.equal(shapes(wide), [['text', null, 'Hëllo']])
  const old = await parseDocument('a.txt', Buffer.from('café', 'latin1'))
  assert.equal(shapes(old), [['text', null, 'café']])
  assert.is(old.warnings.length, 1)
  assert.is(await codeOf(parseDocument('a.txt', Buffer.from([65, 0, 66, 1, 2]))), 'BINARY_FILE')
  assert.is(await codeOf(parseDocument('a.txt', makeDocx(''))), 'BINARY_FILE')
  assert.is(await codeOf(parseDocument('a.md', makePdf([[]]))), 'BINARY_FILE')
})

text('a long one is several documents with numbers', async () => {
  async function* parts() {
    yield Buffer.from('The title\n\nfirst part\n\n')
    yield Buffer.from('second part\n')
  }
  const found = await parsePieces('a.txt', parts())
  assert.equal(
    found.map((piece) => [piece.number, piece.kind === 'document' ? piece.body.title : '']),
    [
      [1, 'The title (1)'],
      [2, 'The title (2)'],
    ],
  )
})

text.run()

const lines = suite('json lines')

lines('ids, titles, texts and fields; bad lines are reported and skipped', async () => {
  async function* parts() {
    // Cut within a line and within a character.
    const bytes = Buffer.from(
      '{"_id":"x1","title":"T","text":"bödy","year":3,"metadata":{"url":"u"}}\nnot json\n\n[1]\n{"n":1}\n{"contents":"two"}',
    )
    const cut = bytes.indexOf('ö') + 1
    yield bytes.subarray(0, cut)
    yield bytes.subarray(cut)
  }
  const found = await parsePieces('a.jsonl', parts())
  assert.equal(
    found.map((piece) => [
      piece.number,
      piece.kind === 'document' ? documentText(piece.body.blocks) : piece.code,
    ]),
    [
      [1, 'bödy'],
      [2, 'LINE_MALFORMED'],
      [4, 'LINE_MALFORMED'],
      [5, 'LINE_MALFORMED'],
      [6, 'two'],
    ],
  )
  const [first] = found
  assert.equal(first?.kind === 'document' && first.body.fields, { id: 'x1', year: 3, url: 'u' })
})

lines('a line that is too long is reported, the next one is read', async () => {
  const long = `{"text":"${'x'.repeat(5_000)}"}\n{"text":"next"}\n`
  async function* parts() {
    for (let at = 0; at < long.length; at += 1_000) yield Buffer.from(long.slice(at, at + 1_000))
  }
  const found = await parsePieces('a.jsonl', parts(), 2_000)
  assert.equal(
    found.map((piece) => (piece.kind === 'document' ? 'document' : piece.code)),
    ['FILE_TOO_LARGE', 'document'],
  )
})

lines.run()

const csv = suite('csv')

csv('quotes, line breaks in cells, semicolons, tabs', async () => {
  const body = await parseDocument('a.csv', 'name,note\n"Smith, J","said ""hi"""\n"two\nlines",4\n')
  assert.equal(shapes(body), [['table', null, 'name | note\nSmith, J | said "hi"\ntwo lines | 4']])
  assert.equal(shapes(await parseDocument('a.csv', 'a;b\n1,5;2')), [['table', null, 'a | b\n1,5 | 2']])
  assert.equal(shapes(await parseDocument('a.tsv', 'a\tb\n1\t2\n')), [['table', null, 'a | b\n1 | 2']])
})

csv('a record that goes on in the next part is whole, and every part says the header', async () => {
  async function* parts() {
    yield Buffer.from('a,b\n1,2\n"x\n')
    yield Buffer.from('y",3\n')
  }
  const found = await parsePieces('a.csv', parts())
  assert.equal(
    found.map((piece) => (piece.kind === 'document' ? documentText(piece.body.blocks) : piece.code)),
    ['a | b\n1 | 2', 'a | b\nx y | 3'],
  )
})

csv.run()

const code = suite('code')

code('blocks end before definitions, and together they are the file', async () => {
  const source =
    "import x from 'y'\n\n\n\nexport function a() {\n  return 1\n\n}\n\nfunction b() {}\n\n  indented\n"
  const body = await parseDocument('a.ts', source)
  assert.is(documentText(body.blocks), source.trimEnd())
  assert.is(body.blocks.length, 3)
  assert.equal(body.fields, { extension: '.ts' })
  assert.is(body.title, 'stem.ts')
})

code.run()
