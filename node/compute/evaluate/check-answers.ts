/**
 * Holds claimed answers against the model itself. Likelihoods are computed again; a text that is said to be what the model
 * writes is followed token by token: the model writes it again, and where it would take another token, both must have been
 * nearly as likely; then it goes on behind the claimed one. What was drawn at random can only be drawn again with the
 * same seed, and where another processor drew otherwise, the model must not find the text outlandish.
 */
import type { LanguageModel } from '../generate/language-model.ts'
import { type AnswerModel, answerItems, fitPrompt, generateRequest, sampleAnswer } from './answer-items.ts'
import { difference, GAP_TOLERANCE, shapeProblem } from './compare-records.ts'
import type { GenerateRecord, ItemRecord, SampleAnswer } from './item-records.ts'
import type { GenerateItem, Item } from './items.ts'
import { createPrompting, type Prompting } from './token-windows.ts'

/** Near ties that one text may have: each costs a run of the model. Ties are rare; a text full of them is made up. */
const MAX_TIES = 16
/** Nats by token that a drawn text may be less likely than the model's own, before it is outlandish. */
const SAMPLED_SLACK = 2

/**
 * Null when every record answers its item at all, otherwise the first that does not: what no honest run gives. Needs no
 * model. `dims`: the length of its embeddings, if it is known.
 */
export function checkShapes(
  items: readonly Item[],
  claimed: readonly ItemRecord[],
  dims: number | null,
): { item: number; why: string } | null {
  for (const [item, record] of claimed.entries()) {
    const why = shapeProblem(record, items[item]!)
    if (why !== null) return { item, why }
    if (dims !== null && record.type === 'embed' && record.vector.length !== dims)
      return { item, why: 'an embedding of another length' }
  }
  return null
}

/** Null when all is right, otherwise the first item that is not, counted within `items`, and why. */
export async function checkAnswers(
  answering: AnswerModel,
  items: readonly Item[],
  claimed: readonly ItemRecord[],
  signal: AbortSignal,
): Promise<{ item: number; why: string } | null> {
  const misshapen = checkShapes(items, claimed, null)
  if (misshapen !== null) return misshapen
  const computed = await answerItems(answering, items, signal)
  for (const [item, own] of computed.entries()) {
    const record = claimed[item]!
    const asked = items[item]!
    if (record.type === 'generate' && asked.type === 'generate' && answering.kind === 'language') {
      const why = await checkTexts(answering.model, asked, own as GenerateRecord, record, signal)
      if (why !== null) return { item, why }
      continue
    }
    const why = difference(own, record)
    if (why !== null) return { item, why }
  }
  return null
}

async function checkTexts(
  model: LanguageModel,
  item: GenerateItem,
  own: GenerateRecord,
  claimed: GenerateRecord,
  signal: AbortSignal,
): Promise<string | null> {
  if (own.promptTokens !== claimed.promptTokens || own.dropped !== claimed.dropped) return 'another prompt'
  const prompting = createPrompting(model)
  for (const [sample, answer] of claimed.samples.entries()) {
    const check = item.temperature === 0 ? checkGreedy : checkSampled
    const why = await check(model, prompting, item, own.samples[sample]!, answer, signal)
    if (why !== null) return why
  }
  return null
}

const sameTokens = (a: SampleAnswer, b: SampleAnswer) =>
  a.tokens.length === b.tokens.length && a.tokens.every(({ token }, at) => token === b.tokens[at]!.token)

/** `own` is what the model writes by itself. */
async function checkGreedy(
  model: LanguageModel,
  prompting: Prompting,
  item: GenerateItem,
  own: SampleAnswer,
  claimed: SampleAnswer,
  signal: AbortSignal,
): Promise<string | null> {
  const fitted = fitPrompt(prompting, item)
  const taken = claimed.tokens.map(({ token }) => token)
  const isToken = (token: number) => token < model.card.vocabulary
  if (!taken.every(isToken)) return 'a token that the model does not have'
  let from = 0
  let way = own
  for (let ties = 0; ties <= MAX_TIES; ties++) {
    const ahead = taken.slice(from)
    const parted = ahead.findIndex((token, at) => way.tokens[at]?.token !== token)
    if (parted === -1) {
      if (way.tokens.length === ahead.length)
        return sameText(model, item, taken, claimed) ? null : 'another text of the same tokens'
      // The claimed text ended where the model goes on: at a stop that began before the tie, or at a tie with the end.
      if (claimed.finish === 'stop' && stopsAtLast(model, item, taken))
        return sameText(model, item, taken, claimed) ? null : 'another text of the same tokens'
      const next = way.tokens[ahead.length]!
      const ended = claimed.finish === 'eos' && isEnd(model, next.runnerUp) && next.gap <= GAP_TOLERANCE
      return ended ? null : 'a text that ends elsewhere'
    }
    const here = way.tokens[parted]
    const isTie =
      here === undefined
        ? await endsAtTie(model, [...fitted.tokens, ...taken.slice(0, from + parted)], ahead[parted]!, signal)
        : here.runnerUp === ahead[parted] && here.gap <= GAP_TOLERANCE
    if (!isTie) return 'a token that the model does not take'
    from += parted + 1
    if (from >= fitted.maxTokens) return claimed.finish === 'length' ? null : 'a text that ends elsewhere'
    const [next] = await model.generate(
      [
        {
          ...generateRequest(item, fitted, 0),
          tokens: [...fitted.tokens, ...taken.slice(0, from)],
          maxTokens: fitted.maxTokens - from,
        },
      ],
      signal,
    )
    way = sampleAnswer(next!)
  }
  return 'more near ties than a text has'
}

const isEnd = ({ card }: LanguageModel, token: number) => card.eosTokens.includes(token)

/** Where the model itself would have ended: whether the token is nearly as likely as an end-of-text token. */
async function endsAtTie(
  model: LanguageModel,
  context: readonly number[],
  token: number,
  signal: AbortSignal,
): Promise<boolean> {
  const ends = model.card.eosTokens
  const asked = [token, ...ends].map((one) => ({ context, continuation: [one] }))
  const scores = await model.score(asked, signal)
  const likelihoods = scores.map(({ logProbabilities }) => logProbabilities[0]!)
  return ends.length > 0 && likelihoods[0]! >= Math.max(...likelihoods.slice(1)) - GAP_TOLERANCE
}

/** What the tokens say, up to the first stop. */
function sameText(
  model: LanguageModel,
  item: GenerateItem,
  tokens: readonly number[],
  claimed: SampleAnswer,
): boolean {
  const text = textOf(model, tokens)
  const ends = item.stop.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  const cut = ends.length === 0 ? text : text.slice(0, Math.min(...ends))
  return cut === claimed.text
}

function textOf({ tokenizer }: LanguageModel, tokens: readonly number[]): string {
  const stream = tokenizer.stream()
  return tokens.map((token) => stream.push(token)).join('') + stream.flush()
}

const stopsAtLast = (model: LanguageModel, { stop }: GenerateItem, tokens: readonly number[]): boolean => {
  const holdsStop = (text: string) => stop.some((one) => text.includes(one))
  return holdsStop(textOf(model, tokens)) && !holdsStop(textOf(model, tokens.slice(0, -1)))
}

async function checkSampled(
  model: LanguageModel,
  prompting: Prompting,
  item: GenerateItem,
  own: SampleAnswer,
  claimed: SampleAnswer,
  signal: AbortSignal,
): Promise<string | null> {
  const taken = claimed.tokens.map(({ token }) => token)
  if (!taken.every((token) => token < model.card.vocabulary)) return 'a token that the model does not have'
  if (!sameText(model, item, taken, claimed)) return 'another text of the same tokens'
  if (sameTokens(own, claimed)) return own.text === claimed.text ? null : 'another text of the same tokens'
  if (taken.length === 0 || own.tokens.length === 0) return 'a text that the model would not draw'
  const { tokens: context } = fitPrompt(prompting, item)
  const asked = [taken, own.tokens.map(({ token }) => token)]
  const scores = await model.score(
    asked.map((continuation) => ({ context, continuation })),
    signal,
  )
  const [its, ours] = scores.map(
    ({ logProbabilities }) => logProbabilities.reduce((sum, one) => sum + one, 0) / logProbabilities.length,
  )
  return its! >= ours! - SAMPLED_SLACK ? null : 'a text that the model would not draw'
}
