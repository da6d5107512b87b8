/** Sentence encoders by their cards: pooling, normalisation, special tokens, and what is said of a text that was cut. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type EncoderCard, encodeCard, readCard } from '../../../node/compute/models/model-card.ts'
import { createSentenceEncoder } from '../../../node/compute/models/sentence-encoder.ts'
import { loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { createSessions } from '../../../node/compute/onnx/sessions.ts'
import { writeTinyModel } from '../../helpers/language-models.ts'

const test = suite('sentence encoders')
const NEVER = new AbortController().signal
const TEXTS = ['a cat', 'the hen and the cat', 'x', 'in the end it is a long text about cats'.repeat(6)]

let directory = ''
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-encoder-'))
  writeTinyModel(directory, 'bert', { seed: 2 })
})
test.after(() => rmSync(directory, { recursive: true, force: true }))

/** Token vectors of one text, run by itself: [tokens, dims]. */
async function tokenVectors(ids: readonly number[], dims: number): Promise<number[][]> {
  const session = await ort.InferenceSession.create(join(directory, 'model.onnx'), { logSeverityLevel: 4 })
  const int64 = (values: readonly number[]) =>
    new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const outputs = await session.run({
    input_ids: int64(ids),
    attention_mask: int64(ids.map(() => 1)),
    token_type_ids: int64(ids.map(() => 0)),
  })
  await session.release()
  const data = Array.from(outputs.last_hidden_state!.data as Float32Array)
  return ids.map((_, token) => data.slice(token * dims, (token + 1) * dims))
}

function pool(vectors: number[][], pooling: EncoderCard['pooling'], normalise: boolean): number[] {
  const pooled =
    pooling === 'cls'
      ? vectors[0]!
      : pooling === 'last'
        ? vectors.at(-1)!
        : vectors[0]!.map((_, dim) => vectors.reduce((sum, vector) => sum + vector[dim]!, 0) / vectors.length)
  const length = normalise ? Math.hypot(...pooled) : 1
  return pooled.map((value) => value / length)
}

for (const pooling of ['mean', 'cls', 'last'] as const)
  for (const normalise of [false, true])
    test(`${pooling}${normalise ? ', to length 1' : ''}: a batch gives what each text gives by itself`, async () => {
      const card: EncoderCard = { ...readCard(directory), pooling, normalise, maxTokens: 40 }
      writeFileSync(join(directory, 'model.json'), encodeCard(card))
      const tokenizer = loadLanguageTokenizer(directory)
      const sessions = createSessions()
      try {
        const encoder = createSentenceEncoder({ sessions })
        const { dims, vectors, tokens, truncated } = await encoder.embed(
          { modelDir: directory, texts: TEXTS },
          NEVER,
        )
        assert.is(dims, card.dimensions)
        for (const [index, text] of TEXTS.entries()) {
          const whole = tokenizer.encode(text, { specialTokens: true })
          // The tiny tokenizer has a special token at the beginning alone.
          const ids = whole.slice(0, 40)
          assert.is(tokens[index], ids.length)
          assert.is(truncated[index], Number(whole.length > 40))
          const expected = pool(await tokenVectors(ids, dims), pooling, normalise)
          for (const [dim, value] of expected.entries())
            assert.ok(Math.abs(vectors[index * dims + dim]! - value) < 1e-5)
        }
        assert.equal(Array.from(truncated), [0, 0, 0, 1])
      } finally {
        await sessions.close()
      }
    })

test.run()
