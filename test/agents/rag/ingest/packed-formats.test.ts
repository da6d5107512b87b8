import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeDocx, makeEpub, makePdf, wordParagraph } from '../../../helpers/document-files.ts'
import { codeOf, parseDocument, shapes } from '../../../helpers/parse-document.ts'

const pdf = suite('pdf')

pdf('pages, headings by size, divided words, properties', async () => {
  const bytes = makePdf(
    [
      [
        { text: 'The Great Report', size: 24 },
        { text: 'This is the first line of the text and it goes on in the sec-', size: 11 },
        { text: 'ond line.', size: 11 },
        { text: 'Methods', size: 16 },
        { text: 'We did (all) of it.', size: 11 },
      ],
      [],
      [{ text: 'Results are on page three.', size: 11 }],
    ],
    { Title: 'On reports', Author: 'N. Body', CreationDate: "D:20240131120000+01'00'" },
  )
  const body = await parseDocument('a.pdf', bytes)
  assert.is(body.title, 'On reports')
  assert.equal(body.fields, { author: 'N. Body', created: '2024-01-31', pages: 3 })
  assert.equal(
    body.blocks.map(({ kind, level, page, text }) => [kind, level, page, text]),
    [
      ['heading', 1, 1, 'The Great Report'],
      ['text', null, 1, 'This is the first line of the text and it goes on in the second line.'],
      ['heading', 2, 1, 'Methods'],
      ['text', null, 1, 'We did (all) of it.'],
      ['text', null, 3, 'Results are on page three.'],
    ],
  )
  assert.equal(body.warnings, ['1 of 3 pages have no text.'])
})

pdf('without text, cut off, and made of noise', async () => {
  assert.is(await codeOf(parseDocument('a.pdf', makePdf([[], []]))), 'PDF_NO_TEXT')
  const whole = makePdf([[{ text: 'Hello everyone here', size: 11 }]])
  assert.is(await codeOf(parseDocument('a.pdf', whole.subarray(0, 200))), 'DOCUMENT_MALFORMED')
  assert.is(
    await codeOf(parseDocument('a.pdf', Buffer.from(`%PDF-1.4\n${'\xff\x00'.repeat(500)}`))),
    'DOCUMENT_MALFORMED',
  )
})

pdf('a tree of pages that lies about its length, and one that is its own child', async () => {
  const source = makePdf([[{ text: 'Hello everyone here', size: 11 }]]).toString('latin1')
  const million = Buffer.from(source.replace('/Count 1 ', '/Count 1000000 '), 'latin1')
  assert.is((await parseDocument('a.pdf', million)).blocks.length, 1)
  const loop = Buffer.from(source.replace('/Kids [4 0 R]', '/Kids [2 0 R]'), 'latin1')
  assert.is(await codeOf(parseDocument('a.pdf', loop)), 'DOCUMENT_MALFORMED')
})

pdf.run()

const docx = suite('docx')

docx('headings, text, tables and properties; pictures are counted', async () => {
  const cell = (text: string) => `<w:tc>${wordParagraph(text)}</w:tc>`
  const bytes = makeDocx(
    `${wordParagraph('The heading', 'Heading1')}${wordParagraph('Body &lt;text&gt; here.')}
     <w:tbl><w:tr>${cell('A')}${cell('B')}</w:tr><w:tr>${cell('1')}${cell('2')}</w:tr></w:tbl>`,
    {
      'docProps/core.xml':
        '<cp:coreProperties xmlns:cp="x" xmlns:dc="y"><dc:title>Title &amp; all</dc:title><dc:creator>N. Body</dc:creator></cp:coreProperties>',
    },
  )
  const body = await parseDocument('a.docx', bytes)
  assert.is(body.title, 'Title & all')
  assert.equal(body.fields, { author: 'N. Body' })
  assert.equal(shapes(body), [
    ['heading', 1, 'The heading'],
    ['text', null, 'Body <text> here.'],
    ['table', null, 'A | B\n1 | 2'],
  ])
})

docx('a bomb, entities, and an archive that is no document', async () => {
  const bomb = makeDocx('', { 'word/document.xml': new Uint8Array(8 * 2 ** 20) })
  assert.is(await codeOf(parseDocument('a.docx', bomb)), 'ARCHIVE_BOMB')
  const laughs = makeDocx('', { 'word/document.xml': '<!DOCTYPE x [<!ENTITY a "aa">]><w:document/>' })
  assert.is(await codeOf(parseDocument('a.docx', laughs)), 'DOCUMENT_MALFORMED')
  assert.is(await codeOf(parseDocument('a.docx', makeEpub('x', []))), 'FILE_TYPE_MISMATCH')
  const broken = makeDocx('', { 'word/document.xml': '<w:document><w:body>' })
  assert.is(await codeOf(parseDocument('a.docx', broken)), 'DOCUMENT_MALFORMED')
})

docx('what is packed inside a document is never unpacked', async () => {
  const inner = makeDocx('', { 'word/document.xml': new Uint8Array(8 * 2 ** 20) })
  const outer = makeDocx(wordParagraph('Harmless.'), { 'word/embeddings/inner.docx': inner })
  assert.equal(shapes(await parseDocument('a.docx', outer)), [['text', null, 'Harmless.']])
})

docx.run()

const epub = suite('epub')

epub('chapters in the order of the spine', async () => {
  const body = await parseDocument(
    'a.epub',
    makeEpub(
      'My &amp; book',
      [
        { name: 'two%20b.xhtml', body: '<h1>First</h1><p>The&nbsp;one.</p><script>x()</script>' },
        { name: 'one.xhtml', body: '<h1>Second</h1><p>The other.</p>' },
      ],
      {
        'OEBPS/two b.xhtml':
          '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>First</h1><p>The&nbsp;one.</p></body></html>',
      },
    ),
  )
  assert.is(body.title, 'My & book')
  assert.is(body.language, 'en')
  assert.equal(body.fields, { author: 'A. Writer' })
  assert.equal(shapes(body), [
    ['heading', 1, 'First'],
    ['text', null, 'The one.'],
    ['heading', 1, 'Second'],
    ['text', null, 'The other.'],
  ])
})

epub('a protected book is refused, one with scrambled fonts is not', async () => {
  const chapters = [{ name: 'one.xhtml', body: '<p>Text.</p>' }]
  const listing = (name: string) =>
    `<encryption><EncryptedData><CipherData><CipherReference URI="${name}"/></CipherData></EncryptedData></encryption>`
  const book = (name: string) => makeEpub('x', chapters, { 'META-INF/encryption.xml': listing(name) })
  assert.is(await codeOf(parseDocument('a.epub', book('OEBPS/one.xhtml'))), 'DOCUMENT_ENCRYPTED')
  assert.is((await parseDocument('a.epub', book('OEBPS/font.otf'))).blocks.length, 1)
  assert.is(await codeOf(parseDocument('a.epub', makeDocx(''))), 'FILE_TYPE_MISMATCH')
})

epub.run()
