import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  blocksOfLines,
  linesOf,
  type PageLine,
  type TextPiece,
  withoutRunningLines,
} from '../../../../node/agents/rag/ingest/formats/pdf-lines.ts'

function piece(text: string, x: number, y: number, extra: Partial<TextPiece> = {}): TextPiece {
  return { text, x, y, width: text.length * 5, fontSize: 10, endsLine: false, ...extra }
}

function line(text: string, y: number, fontSize = 10, page = 1): PageLine {
  return { page, text, y, fontSize }
}

test('pieces on one base line are one line, with spaces where there are gaps', () => {
  const pieces = [
    piece('Hello', 10, 700),
    piece('wor', 40, 700),
    piece('ld', 55, 701),
    piece('next', 10, 688),
    piece('2', 30, 692, { fontSize: 6 }),
    piece('after', 10, 676, { endsLine: true }),
    piece('last', 10, 676),
  ]
  assert.equal(
    linesOf(pieces, 3).map(({ text, page, fontSize }) => [text, page, fontSize]),
    [
      ['Hello world', 3, 10],
      ['next2', 3, 10],
      ['after', 3, 10],
      ['last', 3, 10],
    ],
  )
})

test('running heads and page numbers go, from four pages on', () => {
  const page = (number: number) => [
    line('My report', 780, 10, number),
    line(`Text of page ${'x'.repeat(number)}.`, 700, 10, number),
    line(`Page ${number} of 5`, 20, 10, number),
  ]
  const pages = [1, 2, 3, 4, 5].map(page)
  assert.equal(
    withoutRunningLines(pages).map((lines) => lines.map(({ text }) => text)),
    [1, 2, 3, 4, 5].map((number) => [`Text of page ${'x'.repeat(number)}.`]),
  )
  assert.is(withoutRunningLines(pages.slice(0, 3)).flat().length, 9)
})

test('headings by size, paragraphs by gaps, words put together, tables of contents left alone', () => {
  const long = 'A line of ordinary text that goes on for some time, as lines do'
  const blocks = blocksOfLines([
    [
      line('Title of it', 760, 20),
      line('Contents . . . . . . . . 3', 730, 14),
      line('Methods of the', 700, 14),
      line('second kind', 684, 14),
      line(`${long} and inter-`, 660),
      line('national too.', 648),
      line('A new paragraph, well-', 620),
      line('Known by its gap.', 608),
    ],
  ])
  assert.equal(
    blocks.map(({ kind, level, text }) => [kind, level, text]),
    [
      ['heading', 1, 'Title of it'],
      ['text', null, 'Contents . . . . . . . . 3'],
      ['heading', 2, 'Methods of the second kind'],
      ['text', null, `${long} and international too.`],
      ['text', null, 'A new paragraph, well- Known by its gap.'],
    ],
  )
})

test.run()
