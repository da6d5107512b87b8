/** Documents as tokens, tokens as rows, and the order in which rows come. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChatTemplate, loadChatTemplate } from '../../../node/compute/models/chat-template.ts'
import { loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { shuffledRow } from '../../../node/compute/training/batches.ts'
import type { PlacedDocument, TrainingDocument } from '../../../node/compute/training/documents.ts'
import { type Example, encodeDocument } from '../../../node/compute/training/examples.ts'
import { createPacker, type Row } from '../../../node/compute/training/packing.ts'
import { createRowWriter, openRowFile } from '../../../node/compute/training/row-file.ts'
import { IGNORED_LABEL } from '../../../node/compute/training/trainer.ts'
import { byteTokenizer } from '../../helpers/byte-tokenizer.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { END, INIT, laid } from '../../helpers/training-examples.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-training-examples-'))
const test = suite('training examples')
test.after(() => rmSync(root, { recursive: true, force: true }))

const placed = (document: TrainingDocument): PlacedDocument => ({ file: 'x.jsonl', line: 3, document })

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
  const template: Pick<ChatTemplate, 'render'> = {
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
  const rewriting: Pick<ChatTemplate, 'render'> = {
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
  const said = (prompt: string, completion: string) => {
    const pair = encodeDocument(placed({ kind: 'completion', prompt, completion }), {
      tokenizer,
      template,
      endToken: 2,
    })
    const whole = tokenizer.encode(prompt + completion, { specialTokens: true })
    assert.equal(pair.tokens, [...whole, 2], 'as one text, and its end')
    return tokenizer.decode(
      pair.tokens.filter((_, index) => pair.counted[index] === true && index < whole.length),
    )
  }
  assert.is(said('the cat', '!').trim(), '!')
  assert.is(said('2 and 3 is', ' 5').trim(), 's 5', 'a token across the border belongs to the answer')
})

function pack(examples: readonly Example[], length: number): { rows: Row[]; cut: number } {
  const rows: Row[] = []
  const packer = createPacker({ length, padToken: 9 }, (row) => rows.push(row))
  for (const example of examples) packer.push(example)
  packer.end()
  return { rows, cut: packer.cutTokens() }
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

test.run()
