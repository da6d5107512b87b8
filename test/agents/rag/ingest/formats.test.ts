import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { toFields } from '../../../../node/agents/rag/ingest/formats/format.ts'
import { FORMATS, formatOf } from '../../../../node/agents/rag/ingest/formats/table.ts'
import { documentText } from '../../../../node/agents/rag/ingest/units.ts'
import { parseDocument, shapes } from '../../../helpers/parse-document.ts'

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
  const body = await parseDocument(
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
  assert.is((await parseDocument('a.md', '## Small\n\n# Large\n\ntext')).title, 'Large')
  assert.is((await parseDocument('a.md', 'only text')).title, 'stem')
})

markdown('front matter that unfolds, nests or is broken is left out with a warning', async () => {
  const bomb = `---\na: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n---\ntext`
  const deep = `---\na: ${'['.repeat(5000)}\n---\ntext`
  const broken = '---\na: "\n---\ntext'
  const scalar = '---\njust text\n---\ntext'
  for (const source of [bomb, deep, broken, scalar]) {
    const body = await parseDocument('a.md', source)
    assert.equal(body.fields, {})
    assert.is(body.warnings.length, 1)
    assert.equal(shapes(body), [['text', null, 'text']])
  }
})

markdown('a line of dashes alone is no front matter', async () => {
  assert.equal((await parseDocument('a.md', '---\n\ntext')).warnings, [])
})

markdown.run()

const html = suite('html')

html('blocks, without navigation, scripts and comments', async () => {
  const body = await parseDocument(
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
  const body = await parseDocument(
    'a.html',
    `<html><body><div class="sidebar"><p>Buy now</p></div><article><h1>Thing</h1>${`<p>${sentence.repeat(5)}</p>`.repeat(4)}</article>
    <div class="comments"><p>First!</p></div></body></html>`,
  )
  const text = documentText(body.blocks)
  assert.match(text, 'The article speaks')
  assert.not.match(text, 'Buy now')
})

html('a scrap, a page in an old encoding, and one nested beyond any stack', async () => {
  assert.equal(shapes(await parseDocument('a.html', '<p>just this</p>')), [['text', null, 'just this']])
  const greek = Buffer.concat([
    Buffer.from('<html><head><meta charset="iso-8859-7"></head><body><p>'),
    Buffer.from([0xe1, 0xe2, 0xe3]),
    Buffer.from('</p></body></html>'),
  ])
  assert.equal(shapes(await parseDocument('a.html', greek)), [['text', null, 'αβγ']])
  const deep = `<html><body>${'<div>'.repeat(20_000)}deep${'</div>'.repeat(20_000)}</body></html>`
  assert.equal(shapes(await parseDocument('a.html', deep)), [['text', null, 'deep']])
})

html.run()

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
