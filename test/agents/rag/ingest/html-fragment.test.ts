import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { htmlFragmentText } from '../../../../node/agents/rag/ingest/formats/html-fragment.ts'

test('text outside tags, scripts and comments', () => {
  const rows = [
    ['<b>bold</b> text', ' bold text'],
    ['a<br>b', 'a\nb'],
    ['<!-- no --><p class="x">yes</p>', ' yes '],
    ['<script>alert(1)</script>kept', ' kept'],
    ['<STYLE>p {}</style >kept', ' kept'],
    ['1 < 2 and 3 > 2', '1 < 2 and 3 > 2'],
    ['<unfinished', '<unfinished'],
    ['<script>never closed', ''],
    ['<!-- never closed', ''],
  ] as const
  for (const [html, text] of rows) assert.is(htmlFragmentText(html), text, html)
})

test('any text comes to an end, and no script gets through', () => {
  const piece = fc.constantFrom(
    '<script>',
    '</script>',
    '<',
    '>',
    '<!--',
    '-->',
    'x',
    ' ',
    '</',
    '<b>',
    'SECRET',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = htmlFragmentText(`<script>SECRET${pieces.filter((one) => one !== '</script>').join('')}`)
      assert.is(text.includes('SECRET'), false)
      assert.ok(htmlFragmentText(pieces.join('')).length <= pieces.join('').length)
    }),
    { seed: 10 },
  )
})

test.run()
