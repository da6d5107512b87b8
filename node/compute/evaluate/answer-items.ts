/** A model's answers to items, in the order of the items; used inside worker threads. */
import { VillageError } from '../../errors.ts'
import type { GenerateRequest, Generation, LanguageModel, Score } from '../generate/language-model.ts'
import type { SentenceEncoder } from '../models/sentence-encoder.ts'
import type {
  ChoiceRecord,
  EmbedRecord,
  GenerateRecord,
  ItemRecord,
  SampleAnswer,
  TextRecord,
} from './item-records.ts'
import type { ChoiceItem, EmbedItem, GenerateItem, Item, TextItem } from './items.ts'
import { createPrompting, encodePair, fitPair, type Prompting, rollingWindows } from './token-windows.ts'

/** Of a model's context, the most that a generated text may take where both it and the prompt do not fit. */
const GENERATED_SHARE = 0.5
/** Pairs or texts that are given to the model at once: it makes its own batches, progress and aborts come between. */
const AT_ONCE = 64

export type AnswerModel =
  | { readonly kind: 'language'; readonly model: LanguageModel }
  | { readonly kind: 'encoder'; readonly encoder: SentenceEncoder; readonly modelDir: string }

export async function answerItems(
  answering: AnswerModel,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<ItemRecord[]> {
  const records = new Array<ItemRecord>(items.length)
  const of = <T extends Item['type']>(type: T): [number, Extract<Item, { type: T }>][] =>
    [...items.entries()].filter(
      (entry): entry is [number, Extract<Item, { type: T }>] => entry[1].type === type,
    )
  const put = async <T extends Item>(
    asked: readonly [number, T][],
    answer: (items: readonly T[]) => Promise<readonly ItemRecord[]>,
  ): Promise<void> => {
    if (asked.length === 0) return
    const answers = await answer(asked.map(([, item]) => item))
    for (const [at, [index]] of asked.entries()) records[index] = answers[at]!
  }
  const embeds = of('embed')
  if (answering.kind === 'encoder') {
    if (embeds.length !== items.length) throw unfit('an encoder', 'likelihoods or texts')
    await put(embeds, (asked) => embedAll(answering, asked, signal))
    return records
  }
  if (embeds.length > 0) throw unfit('a language model', 'embeddings')
  const { model } = answering
  // The same items give the same records, whatever the model was asked before.
  model.forget()
  const prompting = createPrompting(model)
  await put(of('choice'), (asked) => choose(model, prompting, asked, signal))
  await put(of('generate'), (asked) => generate(model, prompting, asked, signal))
  await put(of('text'), (asked) => readTexts(model, prompting, asked, signal))
  return records
}

const unfit = (model: string, what: string) =>
  new VillageError('INVALID_ARGUMENT', `The items ask for ${what}, which ${model} does not give`)

async function embedAll(
  { encoder, modelDir }: Extract<AnswerModel, { kind: 'encoder' }>,
  items: readonly EmbedItem[],
  signal: AbortSignal,
): Promise<EmbedRecord[]> {
  const { dims, vectors } = await encoder.embed({ modelDir, texts: items.map(({ text }) => text) }, signal)
  return items.map((_, row) => ({ type: 'embed', vector: vectors.slice(row * dims, (row + 1) * dims) }))
}

interface Fitted {
  readonly context: readonly number[]
  readonly continuation: readonly number[]
}

async function scoreAll(
  model: LanguageModel,
  pairs: readonly Fitted[],
  signal: AbortSignal,
): Promise<Score[]> {
  const scores: Score[] = []
  for (let at = 0; at < pairs.length; at += AT_ONCE) {
    signal.throwIfAborted()
    const asked = pairs.slice(at, at + AT_ONCE)
    for (const score of await model.score(asked, signal)) scores.push(score)
  }
  return scores
}

const sumOf = (values: Float32Array): number => {
  let sum = 0
  for (const value of values) sum += value
  // Rounding may leave a certainty a hair above 1.
  return Math.min(0, sum)
}

/** Choices of one item stand next to one another, so that the model does their common beginning once. */
async function choose(
  model: LanguageModel,
  prompting: Prompting,
  items: readonly ChoiceItem[],
  signal: AbortSignal,
): Promise<ChoiceRecord[]> {
  const pairs = items.map(({ context, choices }) =>
    choices.map((choice) => fitPair(encodePair(prompting, context, choice), prompting.contextTokens)),
  )
  const scores = await scoreAll(model, pairs.flat(), signal)
  let next = 0
  return pairs.map((own) => ({
    type: 'choice',
    dropped: Math.max(...own.map(({ dropped }) => dropped)),
    choices: own.map(({ continuation }) => {
      const { logProbabilities, greedy } = scores[next++]!
      return { logProbability: sumOf(logProbabilities), tokens: continuation.length, greedy }
    }),
  }))
}

/** The prompt's end, as many of its tokens as leave room for the text, and how long the text may be. */
export function fitPrompt(
  prompting: Prompting,
  item: Pick<GenerateItem, 'prompt' | 'maxTokens'>,
): { tokens: number[]; dropped: number; maxTokens: number } {
  const all = item.prompt === '' ? [prompting.startToken()] : prompting.encode(item.prompt)
  const { contextTokens } = prompting
  const most = Math.max(1, contextTokens - all.length, Math.floor(contextTokens * GENERATED_SHARE))
  const maxTokens = Math.min(item.maxTokens, most)
  const dropped = Math.max(0, all.length + maxTokens - contextTokens)
  return { tokens: all.slice(dropped), dropped, maxTokens }
}

export function generateRequest(
  item: GenerateItem,
  fitted: { tokens: readonly number[]; maxTokens: number },
  sample: number,
): GenerateRequest {
  const { temperature } = item
  return {
    tokens: fitted.tokens,
    maxTokens: fitted.maxTokens,
    sampling: temperature === 0 ? { temperature } : { temperature, seed: (item.seed + sample) >>> 0 },
    stop: item.stop,
    // The runner-up says how close the choice of a token was.
    ...(temperature === 0 ? { logProbabilities: 2 } : {}),
  }
}

export function sampleAnswer(generation: Generation): SampleAnswer {
  const { tokens, text, finish, logProbabilities } = generation
  return {
    finish,
    text,
    tokens: tokens.map((token, index) => {
      const likelihood = logProbabilities?.[index]
      const other = likelihood?.top.find((one) => one.token !== token)
      if (likelihood === undefined || other === undefined) return { token, runnerUp: token, gap: 0 }
      const gap = Math.max(0, likelihood.logProbability - other.logProbability)
      return { token, runnerUp: other.token, gap: Math.fround(gap) }
    }),
  }
}

async function generate(
  model: LanguageModel,
  prompting: Prompting,
  items: readonly GenerateItem[],
  signal: AbortSignal,
): Promise<GenerateRecord[]> {
  const fitted = items.map((item) => fitPrompt(prompting, item))
  const requests = items.flatMap((item, index) =>
    Array.from({ length: item.samples }, (_, sample) => generateRequest(item, fitted[index]!, sample)),
  )
  const generations: Generation[] = []
  for (let at = 0; at < requests.length; at += AT_ONCE)
    for (const one of await model.generate(requests.slice(at, at + AT_ONCE), signal)) generations.push(one)
  let next = 0
  return items.map((item, index) => ({
    type: 'generate',
    promptTokens: fitted[index]!.tokens.length,
    dropped: fitted[index]!.dropped,
    samples: Array.from({ length: item.samples }, () => sampleAnswer(generations[next++]!)),
  }))
}

async function readTexts(
  model: LanguageModel,
  prompting: Prompting,
  items: readonly TextItem[],
  signal: AbortSignal,
): Promise<TextRecord[]> {
  const { contextTokens } = prompting
  const windows = items.map(({ text, stride }) =>
    rollingWindows(prompting.encodeBare(text), {
      startToken: prompting.startToken(),
      contextTokens,
      stride,
    }),
  )
  const scores = await scoreAll(model, windows.flat(), signal)
  let next = 0
  return windows.map((own) => {
    let logProbability = 0
    let tokens = 0
    for (const { continuation } of own) {
      logProbability += sumOf(scores[next++]!.logProbabilities)
      tokens += continuation.length
    }
    return { type: 'text', logProbability, tokens, windows: own.length }
  })
}
