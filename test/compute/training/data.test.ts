/** From files to rows: documents, tokens, packing, the held-out part, and the order in which rows come. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChatTemplate, loadChatTemplate } from '../../../node/compute/models/chat-template.ts'
import { loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { createBatches, shuffledRow } from '../../../node/compute/training/batches.ts'
import {
  type PlacedDocument,
  readDocuments,
  type TrainingDocument,
} from '../../../node/compute/training/documents.ts'
import { type Example, type ExampleInit, encodeDocument } from '../../../node/compute/training/examples.ts'
import { createPacker, layRow, type Row } from '../../../node/compute/training/packing.ts'
import {
  isHeldOut,
  openPrepared,
  type PrepareInit,
  prepareData,
  readPrepared,
} from '../../../node/compute/training/prepare-data.ts'
import { createRowWriter, openRowFile } from '../../../node/compute/training/row-file.ts'
import { IGNORED_LABEL } from '../../../node/compute/training/trainer.ts'
import { byteTokenizer } from '../../helpers/byte-tokenizer.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

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
const placed = (document: TrainingDocument): PlacedDocument => ({ file: 'x.jsonl', line: 3, document })

/** One token a letter, and 1 at the beginning where special tokens are asked for. */
const END = 0
const INIT: ExampleInit = {
  tokenizer: {
    encode: (text, init) => [
      ...(init?.specialTokens === true ? [1] : []),
      ...[...text].map((letter) => letter.codePointAt(0)!),
    ],
  },
  template: null,
  endToken: END,
}

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

test('a text is learned whole, of a completion only the answer with its end', () => {
  assert.equal(encodeDocument(placed({ kind: 'text', text: 'ab' }), INIT), {
    tokens: [1, 97, 98, END],
    counted: [true, true, true, true],
    isMasked: false,
  })
  assert.equal(encodeDocument(placed({ kind: 'completion', prompt: 'a', completion: 'b' }), INIT), {
    tokens: [1, 97, 98, END],
    counted: [false, false, true, true],
    isMasked: true,
  })
})

test('of a conversation only what the assistant says is learned', () => {
  const template: ChatTemplate = {
    render: ({ messages, addGenerationPrompt }) =>
      messages.map(({ role, content }) => `${role === 'user' ? 'U' : 'A'}${String(content)}.`).join('') +
      (addGenerationPrompt ? 'A' : ''),
  }
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'yo' },
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'z' },
  ]
  const { tokens, counted } = encodeDocument(placed({ kind: 'messages', messages }), { ...INIT, template })
  assert.is(String.fromCodePoint(...tokens), 'Uhi.Ayo.Uq.Az.')
  assert.is(
    tokens.map((token, index) => (counted[index] ? String.fromCodePoint(token) : '-')).join(''),
    '-----yo.----z.',
  )
  throwsCode(() => encodeDocument(placed({ kind: 'messages', messages }), INIT), 'TRAIN_DATA_INVALID')
  const rewriting: ChatTemplate = {
    render: ({ messages: all }) =>
      `${all.length}${template.render({ messages: all, addGenerationPrompt: false })}`,
  }
  throwsCode(
    () => encodeDocument(placed({ kind: 'messages', messages }), { ...INIT, template: rewriting }),
    'TRAIN_DATA_INVALID',
  )
})

test('a real template and a real tokenizer: the parts of a conversation are the whole of it', () => {
  const directory = mkdtempSync(path.join(root, 'chat-'))
  writeFileSync(path.join(directory, 'tokenizer.json'), JSON.stringify(byteTokenizer()))
  writeFileSync(
    path.join(directory, 'chat_template.jinja'),
    '{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}',
  )
  const tokenizer = loadLanguageTokenizer(directory)
  const template = loadChatTemplate(directory)
  const messages = [
    { role: 'system', content: 'be kind' },
    { role: 'user', content: 'the cat?' },
    { role: 'assistant', content: 'a hat' },
  ]
  const example = encodeDocument(placed({ kind: 'messages', messages }), { tokenizer, template, endToken: 2 })
  assert.is(tokenizer.decode(example.tokens).trim(), '<system>be kind\n<user>the cat?\n<assistant>a hat')
  const learned = example.tokens.filter((_, index) => example.counted[index])
  assert.is(tokenizer.decode(learned).trim(), 'a hat')
})

function pack(examples: readonly Example[], length: number): { rows: Row[]; cut: number } {
  const rows: Row[] = []
  const packer = createPacker({ length, padToken: 9 }, (row) => rows.push(row))
  for (const example of examples) packer.push(example)
  packer.end()
  return { rows, cut: packer.cutTokens() }
}

function laid(row: Row): { tokens: number[]; labels: number[] } {
  const length = row.length - 1
  const batch = { tokens: new Int32Array(length), labels: new Int32Array(length) }
  layRow(row, batch, 0)
  return { tokens: [...batch.tokens], labels: [...batch.labels] }
}

const textOf = (tokens: readonly number[]): Example => ({
  tokens,
  counted: tokens.map(() => true),
  isMasked: false,
})

test('packed texts: every token but the first is a label once, in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: 10, max: 60_000 }), { minLength: 1, maxLength: 30 }), {
        maxLength: 12,
      }),
      fc.integer({ min: 1, max: 9 }),
      (texts, length) => {
        const { rows, cut } = pack(texts.map(textOf), length)
        const labels = rows.flatMap((row) => laid(row).labels).filter((label) => label !== IGNORED_LABEL)
        assert.equal(labels, texts.flat().slice(1))
        assert.is(cut, 0)
        for (const row of rows) {
          const { tokens, labels: next } = laid(row)
          for (let index = 1; index < length; index++)
            if (next[index] !== IGNORED_LABEL) assert.is(tokens[index], next[index - 1])
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('a masked example has a row of its own, padded; too long, its prompt gives way first', () => {
  const example = (prompt: number, answer: number): Example => ({
    tokens: Array.from({ length: prompt + answer }, (_, index) => 10 + index),
    counted: Array.from({ length: prompt + answer }, (_, index) => index >= prompt),
    isMasked: true,
  })
  const short = pack([example(2, 2)], 6)
  assert.equal(laid(short.rows[0]!), {
    tokens: [10, 11, 12, 13, 9, 9],
    labels: [IGNORED_LABEL, 12, 13, IGNORED_LABEL, IGNORED_LABEL, IGNORED_LABEL],
  })
  const long = pack([example(6, 2)], 4)
  assert.equal(laid(long.rows[0]!), {
    tokens: [13, 14, 15, 16],
    labels: [IGNORED_LABEL, IGNORED_LABEL, 16, 17],
  })
  assert.is(long.cut, 3)
  const huge = pack([example(3, 9)], 4)
  assert.equal(laid(huge.rows[0]!), { tokens: [12, 13, 14, 15], labels: [13, 14, 15, 16] })
  assert.is(pack([{ ...example(3, 0) }], 4).rows.length, 0, 'nothing to learn')
})

test('rows come back from the disk as they were, in two bytes a token or four', () => {
  for (const vocabulary of [0x8000, 0x8001]) {
    const file = path.join(root, `${vocabulary}.rows`)
    const { rows } = pack(
      [textOf([1, 2, 3, 4, 5, 0x7fff]), { tokens: [7, 8, 9], counted: [false, true, true], isMasked: true }],
      4,
    )
    const writer = createRowWriter(file, vocabulary)
    for (const row of rows) writer.write(row)
    writer.end()
    using opened = openRowFile(file, { length: 4, rows: rows.length, vocabulary })
    assert.equal(
      rows.map((_, index) => [...opened.row(index)]),
      rows.map((row) => [...row]),
    )
    throwsCode(() => openRowFile(file, { length: 4, rows: rows.length + 1, vocabulary }), 'DATA_CORRUPT')
  }
})

test('every epoch has every row once, in another order, and the same for the same seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 1e6 }), (rows, seed) => {
      for (const epoch of [0, 3]) {
        const seen = Array.from({ length: rows }, (_, at) => shuffledRow(epoch * rows + at, rows, seed))
        assert.equal(
          [...seen].sort((a, b) => a - b),
          Array.from({ length: rows }, (_, index) => index),
        )
      }
    }),
    { numRuns: 40 },
  )
  const order = (epoch: number, seed: number) =>
    Array.from({ length: 100 }, (_, at) => shuffledRow(epoch * 100 + at, 100, seed)).join()
  assert.is(order(0, 1), order(0, 1))
  assert.is.not(order(0, 1), order(1, 1))
  assert.is.not(order(0, 1), order(0, 2))
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
