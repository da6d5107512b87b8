/** Loaded language models against graphs that are run plainly, token by token or in one piece. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GenerateRequest, LanguageModel } from '../../../node/compute/generate/language-model.ts'
import { openLanguageModel } from '../../../node/compute/generate/open-language-model.ts'
import { logSumExp, mostLikely } from '../../../node/compute/generate/sampling.ts'
import type { LanguageCard } from '../../../node/compute/models/language-card.ts'
import { VillageError } from '../../../node/errors.ts'
import { writeHubModel } from '../../helpers/hub-layout.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { openGraph } from '../../helpers/run-graph.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('language models')
const FAMILIES = ['llama', 'mistral', 'qwen3', 'gpt2'] as const
const NEVER = new AbortController().signal

let root = ''
const cards = new Map<string, LanguageCard>()
const directoryOf = (name: string) => join(root, name)
test.before(() => {
  root = mkdtempSync(join(tmpdir(), 'village-language-'))
  for (const family of FAMILIES)
    cards.set(
      family,
      writeTinyLanguageModel(directoryOf(family), family, { seed: 3, adapters: family !== 'llama' }).card,
    )
  // An odd head size: rotated by nodes of its own, with positions as an input.
  const odd = { head_dim: 8, num_attention_heads: 4 }
  cards.set(
    'odd',
    writeTinyLanguageModel(directoryOf('odd'), 'llama', { seed: 4, config: odd, adapters: false }).card,
  )
  const long = { max_position_embeddings: 1024, sliding_window: 40 }
  cards.set('long', writeTinyLanguageModel(directoryOf('long'), 'mistral', { seed: 6, config: long }).card)
  for (const name of ['llama', 'odd'])
    cards.set(`hub-${name}`, writeHubModel(directoryOf(name), directoryOf(`hub-${name}`), cards.get(name)!))
  writeHubModel(directoryOf('llama'), directoryOf('half'), cards.get('llama')!, { half: true })
})
test.after(() => rmSync(root, { recursive: true, force: true }))

async function withModel(
  name: string,
  use: (model: LanguageModel) => Promise<void>,
  init: { maxBatch?: number; cacheBytes?: number } = {},
): Promise<void> {
  const model = await openLanguageModel(directoryOf(name), { threads: 1, ...init })
  try {
    await use(model)
  } finally {
    await model.close()
  }
}

const prompt = (length: number, seed: number) =>
  Array.from({ length }, (_, index) => 3 + ((index * 37 + seed * 101) % 300))
const greedy = (tokens: readonly number[], maxTokens: number): GenerateRequest => ({
  tokens,
  maxTokens,
  sampling: {},
  ignoreEnd: true,
})

/** Log-probabilities and arg max of every token after the first, by one run over the whole text. */
async function plain(name: string, tokens: readonly number[]): Promise<{ logs: number[]; best: number[] }> {
  const card = cards.get(name)!
  const graph = await openGraph(directoryOf(name), card)
  const logits = await graph.prefill({ rows: [tokens] })
  await graph.close()
  const rows = tokens.map((_, at) => logits.subarray(at * card.vocabulary, (at + 1) * card.vocabulary))
  return {
    logs: rows.slice(0, -1).map((row, at) => row[tokens[at + 1]!]! - logSumExp(row)),
    best: rows.map(mostLikely),
  }
}

for (const name of [...FAMILIES, 'odd'])
  test(`${name}: greedy text and its log-probabilities are those of one run over all of it`, async () => {
    await withModel(name, async (model) => {
      const start = prompt(9, 1)
      const [made] = await model.generate([{ ...greedy(start, 24), logProbabilities: 2 }], NEVER)
      assert.is(made!.tokens.length, 24)
      assert.is(made!.finish, 'length')
      const { logs, best } = await plain(name, [...start, ...made!.tokens])
      assert.equal([...made!.tokens], best.slice(start.length - 1, -1))
      for (const [index, row] of made!.logProbabilities!.entries()) {
        assert.ok(Math.abs(row.logProbability - logs[start.length - 1 + index]!) < 1e-4)
        assert.is(row.top[0]!.token, row.token)
        assert.is(row.top.length, 2)
      }
    })
  })

for (const name of ['llama', 'odd'])
  test(`${name}: as published for onnxruntime it gives the same tokens and scores`, async () => {
    const requests = [greedy(prompt(7, 1), 20), greedy(prompt(300, 2).slice(0, 120), 10)]
    const score = { context: prompt(20, 5), continuation: prompt(9, 6) }
    let expected: number[][] = []
    let scores = new Float32Array()
    await withModel(name, async (model) => {
      expected = (await model.generate(requests, NEVER)).map(({ tokens }) => [...tokens])
      scores = (await model.score([score], NEVER))[0]!.logProbabilities as Float32Array<ArrayBuffer>
    })
    await withModel(`hub-${name}`, async (model) => {
      const made = await model.generate(requests, NEVER)
      assert.equal(
        made.map(({ tokens }) => [...tokens]),
        expected,
      )
      const [same] = await model.score([score], NEVER)
      for (const [index, value] of same!.logProbabilities.entries())
        assert.ok(Math.abs(value - scores[index]!) < 1e-4)
    })
  })

test('a prompt of several pieces, read beside a text that goes on, gives what one run gives', async () => {
  await withModel('long', async (model) => {
    const [short, start] = [prompt(5, 1), prompt(700, 2)]
    const [beside, made] = await model.generate([greedy(short, 60), greedy(start, 10)], NEVER)
    for (const [from, { tokens }] of [
      [short, beside!],
      [start, made!],
    ] as const) {
      const { best } = await plain('long', [...from, ...tokens])
      assert.equal([...tokens], best.slice(from.length - 1, -1))
    }
    const [score] = await model.score([{ context: start, continuation: prompt(300, 3) }], NEVER)
    const { logs } = await plain('long', [...start, ...prompt(300, 3)])
    for (const [index, value] of score!.logProbabilities.entries())
      assert.ok(Math.abs(value - logs[699 + index]!) < 1e-4)
  })
})

test('caches of half floats, as many published models have them', async () => {
  const text = [...prompt(20, 5), ...prompt(30, 6)]
  await withModel('half', async (model) => {
    const { logs } = await plain('llama', text)
    const [score] = await model.score([{ context: text.slice(0, 20), continuation: text.slice(20) }], NEVER)
    for (const [index, value] of score!.logProbabilities.entries())
      assert.ok(Math.abs(value - logs[19 + index]!) < 0.02)
    const [made] = await model.generate([greedy(text, 12)], NEVER)
    assert.is(made!.tokens.length, 12)
  })
})

test('requests of all lengths, more than there are rows, give what each gives alone', async () => {
  const requests = Array.from({ length: 11 }, (_, index) =>
    index % 3 === 2
      ? {
          ...greedy(prompt(5 + index * 7, index), 3 + index * 4),
          sampling: { temperature: 0.9, seed: index },
        }
      : greedy(prompt(1 + index * 9, index), 30 - index * 2),
  )
  const alone: string[] = []
  for (const request of requests)
    await withModel('llama', async (model) => {
      alone.push((await model.generate([request], NEVER))[0]!.tokens.join())
    })
  await withModel(
    'llama',
    async (model) => {
      const together = await model.generate(requests, NEVER)
      assert.equal(
        together.map(({ tokens }) => tokens.join()),
        alone,
      )
      // Once more, over what the rows hold by now.
      const again = await model.generate([...requests].reverse(), NEVER)
      assert.equal(again.map(({ tokens }) => tokens.join()).reverse(), alone)
    },
    { maxBatch: 3 },
  )
})

test('a prompt that begins as an earlier one reads only the rest', async () => {
  await withModel('llama', async (model) => {
    const first = prompt(40, 1)
    const [one] = await model.generate([greedy(first, 5)], NEVER)
    assert.is(one!.cachedTokens, 0)
    const longer = [...first, ...one!.tokens, ...prompt(6, 9)]
    const [two] = await model.generate([greedy(longer, 8)], NEVER)
    // All but the last token of the first answer were read.
    assert.is(two!.cachedTokens, 44)
    let fresh: readonly number[] = []
    await withModel('llama', async (other) => {
      fresh = (await other.generate([greedy(longer, 8)], NEVER))[0]!.tokens
    })
    assert.equal([...two!.tokens], [...fresh])
  })
})

test('scores are those of one run over the whole text, however requests share their beginnings', async () => {
  await withModel('odd', async (model) => {
    const context = prompt(30, 2)
    const requests = [
      { context, continuation: prompt(4, 7) },
      { context, continuation: prompt(1, 8) },
      { context: context.slice(0, 12), continuation: prompt(3, 9) },
      { context: [...context, 5], continuation: prompt(6, 10) },
      { context: prompt(3, 11), continuation: prompt(250, 12) },
    ]
    const scores = await model.score(requests, NEVER)
    for (const [index, request] of requests.entries()) {
      const { logs, best } = await plain('odd', [...request.context, ...request.continuation])
      const expected = logs.slice(request.context.length - 1)
      assert.is(scores[index]!.logProbabilities.length, expected.length)
      for (const [at, value] of expected.entries())
        assert.ok(Math.abs(scores[index]!.logProbabilities[at]! - value) < 1e-4)
      const chosen = best.slice(request.context.length - 1, -1)
      assert.is(scores[index]!.greedy, chosen.join() === request.continuation.join())
    }
    const [own] = await model.generate([greedy(context, 6)], NEVER)
    const [score] = await model.score([{ context, continuation: own!.tokens }], NEVER)
    assert.ok(score!.greedy)
    // Context and continuation may have one token more than the model's context: nothing comes behind the last.
    await model.score([{ context: prompt(256, 1), continuation: [4] }], NEVER)
    await rejectsCode(
      model.score([{ context: prompt(257, 1), continuation: [4] }], NEVER),
      'CONTEXT_TOO_LONG',
    )
    await rejectsCode(model.score([{ context: [], continuation: [4] }], NEVER), 'INVALID_ARGUMENT')
    await rejectsCode(model.score([{ context: [370], continuation: [4] }], NEVER), 'INVALID_ARGUMENT')
  })
})

test('the same seed gives the same tokens, another seed others', async () => {
  await withModel('llama', async (model) => {
    const of = async (seed: number) => {
      const request = { ...greedy(prompt(8, 1), 40), sampling: { temperature: 1.5, seed } }
      return (await model.generate([request], NEVER))[0]!.tokens.join()
    }
    assert.is(await of(7), await of(7))
    assert.is.not(await of(7), await of(8))
  })
})

test('text ends before a stop string, at the end-of-text token, at the limit, and with the context', async () => {
  await withModel('llama', async (model) => {
    const start = prompt(9, 1)
    const parts: string[] = []
    const [whole] = await model.generate([greedy(start, 30)], NEVER, (_, { text }) => parts.push(text))
    assert.is(parts.join(''), whole!.text)
    const stop = whole!.text.slice(8, 10)
    const [stopped] = await model.generate([{ ...greedy(start, 30), stop: [stop] }], NEVER)
    assert.is(stopped!.finish, 'stop')
    assert.is(stopped!.text, whole!.text.slice(0, whole!.text.indexOf(stop)))
    const [full] = await model.generate([greedy(prompt(250, 1), 30)], NEVER)
    assert.is(full!.finish, 'context')
    assert.is(full!.tokens.length, 6)
    const biased = { logitBias: [{ token: model.card.eosTokens[0]!, bias: 100 }] }
    const [ended] = await model.generate([{ tokens: start, maxTokens: 30, sampling: biased }], NEVER)
    assert.is(ended!.finish, 'eos')
    assert.is(ended!.tokens.length, 0)
    await rejectsCode(model.generate([greedy(prompt(256, 1), 1)], NEVER), 'CONTEXT_TOO_LONG')
    await rejectsCode(model.generate([greedy([], 1)], NEVER), 'INVALID_ARGUMENT')
    await rejectsCode(model.generate([greedy([1], 0)], NEVER), 'INVALID_ARGUMENT')
  })
})

test('a cancelled call ends between two tokens, and those beside it go on as if it had not been', async () => {
  await withModel('llama', async (model) => {
    const alone = (await model.generate([greedy(prompt(9, 1), 60)], NEVER))[0]!.tokens.join()
    const abort = new AbortController()
    let seen = 0
    const cancelled = model.generate(
      [greedy(prompt(20, 2), 200), greedy(prompt(30, 3), 200)],
      abort.signal,
      () => {
        seen += 1
        if (seen === 10) abort.abort(new VillageError('ABORTED'))
      },
    )
    const beside = model.generate([greedy(prompt(9, 1), 60)], NEVER)
    await rejectsCode(cancelled, 'ABORTED')
    assert.ok(seen <= 12, `${seen} tokens came`)
    assert.is((await beside)[0]!.tokens.join(), alone)
    await rejectsCode(
      model.generate([greedy([3], 5)], AbortSignal.abort(new VillageError('ABORTED'))),
      'ABORTED',
    )
  })
})

test('what does not fit into the cache waits, and what can never fit is refused', async () => {
  // Of tiny-llama a token takes 2 layers × 2 × 16 × 4 bytes; half of the memory is for generation.
  const tokenBytes = 256
  await withModel(
    'llama',
    async (model) => {
      const made = await model.generate(
        [1, 2, 3, 4].map((seed) => greedy(prompt(20, seed), 40)),
        NEVER,
      )
      assert.ok(made.every(({ tokens }) => tokens.length === 40))
      await rejectsCode(model.generate([greedy(prompt(100, 1), 100)], NEVER), 'GENERATE_TOO_LARGE')
      assert.is((await model.generate([greedy([3, 4], 3)], NEVER))[0]!.tokens.length, 3)
    },
    { cacheBytes: 2 * 128 * tokenBytes },
  )
})

test.run()
