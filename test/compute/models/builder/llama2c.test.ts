/** Checkpoints of llama2.c: what is imported computes what the checkpoint does, and its tokenizer cuts texts alike. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildModel } from '../../../../node/compute/models/builder/build-model.ts'
import { importLlama2c } from '../../../../node/compute/models/builder/llama2c.ts'
import { sentencePieceTokenizer } from '../../../../node/compute/models/builder/llama2c-tokenizer.ts'
import type { LanguageCard } from '../../../../node/compute/models/language-card.ts'
import { loadLanguageTokenizer } from '../../../../node/compute/models/tokenizer.ts'
import { llamaLogits } from '../../../../node/compute/reference/llama.ts'
import type { JsonObject } from '../../../../node/json.ts'
import { largestDifference } from '../../../helpers/differences.ts'
import {
  type Checkpoint,
  llama2cDecode,
  llama2cEncode,
  readCheckpoint,
  readVocabulary,
  type Vocabulary,
  writeTinyCheckpoint,
} from '../../../helpers/llama2c.ts'
import { openGraph } from '../../../helpers/run-graph.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const STORIES = fileURLToPath(new URL('../../../../../shared/data/models', import.meta.url))

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-llama2c-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

const paths = () => ({ checkpoint: join(directory, 'model.bin'), tokenizer: join(directory, 'tok.bin') })

function importInto(files: { checkpoint: string; tokenizer: string }): LanguageCard {
  const source = join(directory, 'source')
  mkdirSync(source, { recursive: true })
  importLlama2c({ ...files, outDir: source })
  return buildModel({ modelDir: source, outDir: source }) as LanguageCard
}

async function checkLogits(checkpoint: Checkpoint, tokens: readonly number[], bar: number): Promise<void> {
  const card = importInto(paths())
  await compareLogits(checkpoint, card, tokens, bar)
}

async function compareLogits(
  checkpoint: Checkpoint,
  card: LanguageCard,
  tokens: readonly number[],
  bar: number,
): Promise<void> {
  const graph = await openGraph(join(directory, 'source'), card)
  try {
    const expected = llamaLogits(checkpoint.weights, checkpoint.config, tokens)
    const difference = largestDifference(await graph.prefill({ rows: [tokens] }), expected)
    assert.ok(difference < bar, `logits are ${difference} apart`)
  } finally {
    await graph.close()
  }
}

for (const ownClassifier of [false, true])
  test(`a tiny checkpoint ${ownClassifier ? 'with a classifier of its own' : 'with a tied classifier'}`, async () => {
    writeTinyCheckpoint({ ...paths(), ownClassifier })
    await checkLogits(readCheckpoint(paths().checkpoint), [1, 280, 261, 270, 5, 271], 2e-5)
    const config = JSON.parse(readFileSync(join(directory, 'source/config.json'), 'utf8'))
    assert.is(config.tie_word_embeddings, !ownClassifier)
  })

/** The likeliest token after each beginning of the text, starting with <s>. */
async function greedy(card: LanguageCard, count: number): Promise<number[]> {
  const graph = await openGraph(join(directory, 'source'), card)
  try {
    const told = [1]
    while (told.length < count) {
      const last = (await graph.prefill({ rows: [told] })).subarray(-card.vocabulary)
      told.push(last.indexOf(Math.max(...last)))
    }
    return told
  } finally {
    await graph.close()
  }
}

/** What writeTinyCheckpoint's model says, fixed when graph and reference first agreed. */
const TINY_STORY = [1, 13, 13, 13, 13, 29, 283, 15, 13, 179, 23, 174, 283, 131, 29, 174]

test('a tiny checkpoint says what it always said', async () => {
  writeTinyCheckpoint({ ...paths(), ownClassifier: true })
  assert.equal(await greedy(importInto(paths()), TINY_STORY.length), TINY_STORY)
})

function checkTokenizer(vocabulary: Vocabulary, texts: fc.Arbitrary<string>): void {
  const tokenizer = loadLanguageTokenizer(join(directory, 'source'))
  fc.assert(
    fc.property(texts, (text) => {
      const expected = llama2cEncode(vocabulary, text)
      assert.equal(tokenizer.encode(text), expected)
      assert.is(
        tokenizer.decode(tokenizer.encode(text, { specialTokens: true }), { skipSpecial: true }),
        text,
      )
      assert.is(llama2cDecode(vocabulary, [1, ...expected]), text)
    }),
    { numRuns: 300, seed: 7 },
  )
}

/** Texts of letters that merge much, with spaces at the ends, line breaks, other scripts. */
const TEXTS = fc
  .array(
    fc.constantFrom('a', 'b', 'c', ' ', '  ', 'he', 'the', ' and', '\n', 'é', '日', '😀', '.', '<0x41>'),
    {
      maxLength: 24,
    },
  )
  .map((parts) => parts.join(''))

test('its tokenizer cuts texts as llama2.c does, and puts them together again', () => {
  writeTinyCheckpoint(paths())
  importInto(paths())
  checkTokenizer(readVocabulary(paths().tokenizer), TEXTS)
})

const CHANGES: readonly [string, (files: { checkpoint: Buffer; tokenizer: Buffer }) => void][] = [
  ['no width', ({ checkpoint }) => checkpoint.writeInt32LE(0, 0)],
  ['a huge vocabulary', ({ checkpoint }) => checkpoint.writeInt32LE(2 ** 30, 20)],
  ['more layers than it holds', ({ checkpoint }) => checkpoint.writeInt32LE(3, 8)],
  ['heads that do not divide its width', ({ checkpoint }) => checkpoint.writeInt32LE(3, 12)],
  ['a token of negative length', ({ tokenizer }) => tokenizer.writeInt32LE(-1, 8)],
  ['a token longer than the file', ({ tokenizer }) => tokenizer.writeInt32LE(4000, 8)],
  ['a score that is no number', ({ tokenizer }) => tokenizer.writeFloatLE(Number.NaN, 4)],
]

for (const [name, change] of CHANGES)
  test(`a checkpoint with ${name} is refused`, () => {
    const { checkpoint, tokenizer } = paths()
    writeTinyCheckpoint(paths())
    const files = { checkpoint: readFileSync(checkpoint), tokenizer: readFileSync(tokenizer) }
    change(files)
    writeFileSync(checkpoint, files.checkpoint)
    writeFileSync(tokenizer, files.tokenizer)
    throwsCode(() => importLlama2c({ ...paths(), outDir: directory }), 'MODEL_CHECKPOINT_INVALID')
    assert.not(existsSync(join(directory, 'model.safetensors')))
  })

test('whatever the files say, they are imported or refused with a code', () => {
  const { checkpoint, tokenizer } = paths()
  writeTinyCheckpoint(paths())
  const originals = [checkpoint, tokenizer].map((path) => [path, readFileSync(path)] as const)
  const numbers = fc.oneof(fc.constantFrom(0, -1, 1, 7, 2 ** 31 - 1, -(2 ** 31)), fc.integer())
  fc.assert(
    fc.property(
      fc.constantFrom(...originals),
      fc.nat({ max: 60 }),
      numbers,
      fc.option(fc.nat({ max: 3000 })),
      ([path, original], at, value, length) => {
        for (const [file, bytes] of originals) writeFileSync(file, bytes)
        const changed = Buffer.from(original.subarray(0, length ?? original.length))
        if (at + 4 <= changed.length) changed.writeInt32LE(value, at)
        writeFileSync(path, changed)
        try {
          importLlama2c({ ...paths(), outDir: directory })
        } catch (error) {
          assert.is((error as { code?: string }).code, 'MODEL_CHECKPOINT_INVALID', `${error}`)
        }
      },
    ),
    { numRuns: 150, seed: 11 },
  )
})

test('a merge is any two pieces that make a third, the best first', () => {
  const pieces = ['😀', 'a', 'b', 'a😀', 'a😀b', '😀b'].map((text, score) => ({ text, score }))
  assert.equal((sentencePieceTokenizer(pieces).model as JsonObject).merges, [
    ['😀', 'b'],
    ['a', '😀b'],
    ['a😀', 'b'],
    ['a', '😀'],
  ])
})

test('a tokenizer of another vocabulary is refused', () => {
  writeTinyCheckpoint(paths())
  const { tokenizer } = paths()
  writeFileSync(tokenizer, readFileSync(tokenizer).subarray(0, -9))
  throwsCode(() => importLlama2c({ ...paths(), outDir: directory }), 'MODEL_CHECKPOINT_INVALID')
})

if (existsSync(join(STORIES, 'stories260K.bin')))
  test('stories260K: logits of the reference, and the story that it tells', async () => {
    const files = { checkpoint: join(STORIES, 'stories260K.bin'), tokenizer: join(STORIES, 'tok512.bin') }
    const card = importInto(files)
    const tokenizer = loadLanguageTokenizer(join(directory, 'source'))
    const start = 'Once upon a time, there was a little girl named Lily.'
    const tokens = tokenizer.encode(start, { specialTokens: true })
    await compareLogits(readCheckpoint(files.checkpoint), card, tokens, 1e-4)
    const told = await greedy(card, tokens.length)
    assert.is(tokenizer.decode(told, { skipSpecial: true }), start)
    checkTokenizer(
      readVocabulary(files.tokenizer),
      fc.oneof(TEXTS, fc.string({ unit: 'grapheme' }), fc.lorem({ maxCount: 20 })),
    )
  })
else console.log('skipped: no data (stories260K.bin)')

test.run()
