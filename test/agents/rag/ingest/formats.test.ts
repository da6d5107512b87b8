import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  DEFAULT_PARSE_LIMITS,
  type Format,
  type ParsedBody,
  type ParsedPiece,
  toFields,
} from '../../../../node/agents/rag/ingest/formats/format.ts'
import { extensionOf, FORMATS, formatOf } from '../../../../node/agents/rag/ingest/formats/table.ts'
import { documentText } from '../../../../node/agents/rag/ingest/units.ts'
import { VillageError } from '../../../../node/errors.ts'
import { makeDocx, makeEpub, makePdf, wordParagraph } from '../../../helpers/document-files.ts'

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

async function pieces(
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
async function parse(
  name: string,
  content: Buffer | string,
  limits = DEFAULT_PARSE_LIMITS,
): Promise<ParsedBody> {
  const bytes = Buffer.from(content)
  const format = need(name)
  if (format.parser.kind === 'pieces') {
    const [piece, ...more] = await pieces(name, once(bytes))
    assert.is(more.length, 0)
    if (piece?.kind !== 'document') throw new Error('no document')
    return piece.body
  }
  return (await format.parser.load())(bytes, { extension: extensionOf(name), stem: 'stem', limits })
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof VillageError) return error.code
    throw error
  }
  return 'none'
}

const shapes = (body: ParsedBody) => body.blocks.map(({ kind, level, text }) => [kind, level, text])

test('every extension belongs to one format, and every parser loads', async () => {
  const names = FORMATS.flatMap((format) => [...format.extensions, ...format.fileNames])
  assert.is(new Set(names).size, names.length)
  for (const name of names) assert.is(name, name.toLowerCase())
  for (const format of FORMATS) assert.type(await format.parser.load(), 'function', format.name)
  assert.is(formatOf('a/b/README'), formatOf('x.TXT'))
  assert.is(formatOf('picture.png'), null)
  assert.is(formatOf('.md'), null)
})

const markdown = suite('markdown')

markdown('front matter, headings, lists, tables, code and inline marks', async () => {
  const body = await parse(
    'a.md',
    [
      '---',
      'title: Front page',
      'tags: [a, b]',
      'year: 1999',
      'draft: false',
      'deep: {a: 1}',
      '---',
      '# Top *level*',
      '',
      'One [link](http://example.org) &amp; `code`, ![a cat](cat.png).',
      '',
      '- first',
      '- second',
      '  - inner',
      '',
      '1. one',
      '2. two',
      '',
      '| x | y |',
      '|---|---|',
      '| 1 | **2** |',
      '',
      '> quoted',
      '',
      '```js',
      'let a = 1 < 2',
      '```',
      '<script>alert(1)</script>',
    ].join('\n'),
  )
  assert.is(body.title, 'Front page')
  assert.equal(body.fields, { tags: 'a, b', year: 1999, draft: false })
  assert.equal(shapes(body), [
    ['heading', 1, 'Top level'],
    ['text', null, 'One link & code, a cat.'],
    ['list', null, '- first\n- second\n  - inner'],
    ['list', null, '1. one\n2. two'],
    ['table', null, 'x | y\n1 | 2'],
    ['text', null, 'quoted'],
    ['code', null, 'let a = 1 < 2'],
  ])
})

markdown('the title is the first heading of the highest level where nothing says it', async () => {
  assert.is((await parse('a.md', '## Small\n\n# Large\n\ntext')).title, 'Large')
  assert.is((await parse('a.md', 'only text')).title, 'stem')
})

markdown('front matter that unfolds, nests or is broken is left out with a warning', async () => {
  const bomb = `---\na: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n---\ntext`
  const deep = `---\na: ${'['.repeat(5000)}\n---\ntext`
  const broken = '---\na: "\n---\ntext'
  const scalar = '---\njust text\n---\ntext'
  for (const source of [bomb, deep, broken, scalar]) {
    const body = await parse('a.md', source)
    assert.equal(body.fields, {})
    assert.is(body.warnings.length, 1)
    assert.equal(shapes(body), [['text', null, 'text']])
  }
})

markdown('a line of dashes alone is no front matter', async () => {
  assert.equal((await parse('a.md', '---\n\ntext')).warnings, [])
})

markdown.run()

const html = suite('html')

html('blocks, without navigation, scripts and comments', async () => {
  const body = await parse(
    'a.html',
    `<html lang="en-GB"><head><title>Page &amp; title</title><meta name="author" content="N. Body"></head><body>
    <nav>Home | About</nav><h1>Big</h1><p>Some <b>bold</b>
    text.<br>next</p><!-- hidden --><ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>
    <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
    <pre>  code
    here</pre><script>secret()</script><style>p {}</style><footer>Imprint</footer></body></html>`,
  )
  assert.is(body.title, 'Page & title')
  assert.is(body.language, 'en')
  assert.equal(body.fields, { author: 'N. Body' })
  assert.equal(shapes(body), [
    ['heading', 1, 'Big'],
    ['text', null, 'Some bold text.\nnext'],
    ['list', null, '- one\n  - inner\n- two'],
    ['table', null, 'a | b\n1 | 2'],
    ['code', null, '  code\n    here'],
  ])
})

html('of a page with an article around which there is much else, the article', async () => {
  const sentence = 'The article speaks at length, with commas, of the thing that the page is about. '
  const body = await parse(
    'a.html',
    `<html><body><div class="sidebar"><p>Buy now</p></div><article><h1>Thing</h1>${`<p>${sentence.repeat(5)}</p>`.repeat(4)}</article>
    <div class="comments"><p>First!</p></div></body></html>`,
  )
  const text = documentText(body.blocks)
  assert.match(text, 'The article speaks')
  assert.not.match(text, 'Buy now')
})

html('a scrap, a page in an old encoding, and one nested beyond any stack', async () => {
  assert.equal(shapes(await parse('a.html', '<p>just this</p>')), [['text', null, 'just this']])
  const greek = Buffer.concat([
    Buffer.from('<html><head><meta charset="iso-8859-7"></head><body><p>'),
    Buffer.from([0xe1, 0xe2, 0xe3]),
    Buffer.from('</p></body></html>'),
  ])
  assert.equal(shapes(await parse('a.html', greek)), [['text', null, 'αβγ']])
  const deep = `<html><body>${'<div>'.repeat(20_000)}deep${'</div>'.repeat(20_000)}</body></html>`
  assert.equal(shapes(await parse('a.html', deep)), [['text', null, 'deep']])
})

html.run()

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
  const body = await parse('a.pdf', bytes)
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
  assert.is(await codeOf(parse('a.pdf', makePdf([[], []]))), 'PDF_NO_TEXT')
  const whole = makePdf([[{ text: 'Hello everyone here', size: 11 }]])
  assert.is(await codeOf(parse('a.pdf', whole.subarray(0, 200))), 'DOCUMENT_MALFORMED')
  assert.is(
    await codeOf(parse('a.pdf', Buffer.from(`%PDF-1.4\n${'\xff\x00'.repeat(500)}`))),
    'DOCUMENT_MALFORMED',
  )
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
  const body = await parse('a.docx', bytes)
  assert.is(body.title, 'Title & all')
  assert.equal(body.fields, { author: 'N. Body' })
  assert.equal(shapes(body), [
    ['heading', 1, 'The heading'],
    ['text', null, 'Body <text> here.'],
    ['table', null, 'A | B\n1 | 2'],
  ])
})

docx('a bomb, entities, and an archive that is no document', async () => {
  const bomb = makeDocx('', { 'word/document.xml': new Uint8Array(40 * 2 ** 20) })
  assert.is(await codeOf(parse('a.docx', bomb)), 'ARCHIVE_BOMB')
  const laughs = makeDocx('', { 'word/document.xml': '<!DOCTYPE x [<!ENTITY a "aa">]><w:document/>' })
  assert.is(await codeOf(parse('a.docx', laughs)), 'DOCUMENT_MALFORMED')
  assert.is(await codeOf(parse('a.docx', makeEpub('x', []))), 'FILE_TYPE_MISMATCH')
  const broken = makeDocx('', { 'word/document.xml': '<w:document><w:body>' })
  assert.is(await codeOf(parse('a.docx', broken)), 'DOCUMENT_MALFORMED')
})

docx('what is packed inside a document is never unpacked', async () => {
  const inner = makeDocx('', { 'word/document.xml': new Uint8Array(40 * 2 ** 20) })
  const outer = makeDocx(wordParagraph('Harmless.'), { 'word/embeddings/inner.docx': inner })
  assert.equal(shapes(await parse('a.docx', outer)), [['text', null, 'Harmless.']])
})

docx.run()

const epub = suite('epub')

epub('chapters in the order of the spine', async () => {
  const body = await parse(
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
  assert.is(await codeOf(parse('a.epub', book('OEBPS/one.xhtml'))), 'DOCUMENT_ENCRYPTED')
  assert.is((await parse('a.epub', book('OEBPS/font.otf'))).blocks.length, 1)
  assert.is(await codeOf(parse('a.epub', makeDocx(''))), 'FILE_TYPE_MISMATCH')
})

epub.run()

const text = suite('text')

text('paragraphs, and a title where the first line is one', async () => {
  const body = await parse('a.txt', 'The title\r\n\r\nOne line\r\nand another.\n\n\n\nMore.  \n')
  assert.is(body.title, 'The title')
  assert.equal(shapes(body), [
    ['text', null, 'The title'],
    ['text', null, 'One line\nand another.'],
    ['text', null, 'More.'],
  ])
  assert.is((await parse('a.txt', 'Only a sentence.\n\nAnd one more.')).title, 'stem')
})

text('encodings: UTF-16, Windows-1252 with a warning, and what is no text', async () => {
  const wide = await parse('a.txt', Buffer.from('\ufeffHëllo', 'utf16le'))
  assert.equal(shapes(wide), [['text', null, 'Hëllo']])
  const old = await parse('a.txt', Buffer.from('café', 'latin1'))
  assert.equal(shapes(old), [['text', null, 'café']])
  assert.is(old.warnings.length, 1)
  assert.is(await codeOf(parse('a.txt', Buffer.from([65, 0, 66, 1, 2]))), 'BINARY_FILE')
  assert.is(await codeOf(parse('a.txt', makeDocx(''))), 'BINARY_FILE')
  assert.is(await codeOf(parse('a.md', makePdf([[]]))), 'BINARY_FILE')
})

text('a long one is several documents with numbers', async () => {
  async function* parts() {
    yield Buffer.from('The title\n\nfirst part\n\n')
    yield Buffer.from('second part\n')
  }
  const found = await pieces('a.txt', parts())
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
  const found = await pieces('a.jsonl', parts())
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
  const found = await pieces('a.jsonl', parts(), 2_000)
  assert.equal(
    found.map((piece) => (piece.kind === 'document' ? 'document' : piece.code)),
    ['FILE_TOO_LARGE', 'document'],
  )
})

lines.run()

const csv = suite('csv')

csv('quotes, line breaks in cells, semicolons, tabs', async () => {
  const body = await parse('a.csv', 'name,note\n"Smith, J","said ""hi"""\n"two\nlines",4\n')
  assert.equal(shapes(body), [['table', null, 'name | note\nSmith, J | said "hi"\ntwo lines | 4']])
  assert.equal(shapes(await parse('a.csv', 'a;b\n1,5;2')), [['table', null, 'a | b\n1,5 | 2']])
  assert.equal(shapes(await parse('a.tsv', 'a\tb\n1\t2\n')), [['table', null, 'a | b\n1 | 2']])
})

csv('a record that goes on in the next part is whole, and every part says the header', async () => {
  async function* parts() {
    yield Buffer.from('a,b\n1,2\n"x\n')
    yield Buffer.from('y",3\n')
  }
  const found = await pieces('a.csv', parts())
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
  const body = await parse('a.ts', source)
  assert.is(documentText(body.blocks), source.trimEnd())
  assert.is(body.blocks.length, 3)
  assert.equal(body.fields, { extension: '.ts' })
  assert.is(body.title, 'stem.ts')
})

code.run()

test('fields: scalars and lists of scalars within limits, nothing else', () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))
  assert.is(Object.keys(toFields(many)).length, 32)
  const odd = JSON.parse('{"__proto__": "x", "long": "", "nan": null, "list": [1, {}], "ok": true}')
  assert.equal(
    toFields({ ...odd, long: 'x'.repeat(513), ['n'.repeat(65)]: 1, inf: Number.POSITIVE_INFINITY }),
    { ok: true },
  )
})

test.run()
