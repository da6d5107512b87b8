/**
 * Whether two answers of one model to one item can both be right. onnxruntime rounds differently on different processors,
 * and models with 8-bit activations most of all, so that likelihoods are compared with a tolerance, and a generated text
 * may take another way where two tokens were nearly as likely.
 */
import type { GenerateRecord, ItemRecord, SampleAnswer } from './item-records.ts'
import type { Item } from './items.ts'

/** Of the log-probability of one token, in nats; over many tokens the roundings add up as a random walk does. */
const TOKEN_TOLERANCE = 0.08
/** Of a log-probability itself: unlikely tokens are rounded more coarsely. */
const RELATIVE_TOLERANCE = 0.004
/** The least cosine of two honest embeddings. */
const COSINE_TOLERANCE = 0.995
/** Of the difference between the two likeliest tokens: closer than this either may be taken. */
export const GAP_TOLERANCE = 2 * TOKEN_TOLERANCE

export function likelihoodsAgree(a: number, b: number, tokens: number): boolean {
  const most = TOKEN_TOLERANCE * Math.sqrt(Math.max(1, tokens)) + RELATIVE_TOLERANCE * Math.max(-a, -b)
  return Math.abs(a - b) <= most
}

/** Null when both can be right (of texts that part see areParted), otherwise what is not, for the log and the error. Symmetric. */
export function difference(a: ItemRecord, b: ItemRecord): string | null {
  if (a.type === 'choice' && b.type === 'choice') {
    if (a.choices.length !== b.choices.length || a.dropped !== b.dropped) return 'other choices'
    for (const [index, one] of a.choices.entries()) {
      const other = b.choices[index]!
      if (one.tokens !== other.tokens) return 'another number of tokens'
      if (!likelihoodsAgree(one.logProbability, other.logProbability, one.tokens))
        return `another likelihood of choice ${index}`
    }
    return null
  }
  if (a.type === 'text' && b.type === 'text') {
    if (a.tokens !== b.tokens || a.windows !== b.windows) return 'another number of tokens'
    return likelihoodsAgree(a.logProbability, b.logProbability, a.tokens)
      ? null
      : 'another likelihood of the text'
  }
  if (a.type === 'embed' && b.type === 'embed')
    return cosine(a.vector, b.vector) >= COSINE_TOLERANCE ? null : 'another embedding'
  if (a.type === 'generate' && b.type === 'generate') return generatedDifference(a, b)
  return 'another kind of answer'
}

/** Whether two texts say different things: where the records alone allow that, what follows is for the model to judge. */
export function areParted(a: ItemRecord, b: ItemRecord): boolean {
  if (a.type !== 'generate' || b.type !== 'generate') return false
  const said = ({ samples }: GenerateRecord) =>
    JSON.stringify(samples.map(({ tokens, text }) => [tokens.map(({ token }) => token), text]))
  return said(a) !== said(b)
}

function generatedDifference(a: GenerateRecord, b: GenerateRecord): string | null {
  if (a.promptTokens !== b.promptTokens || a.dropped !== b.dropped) return 'another prompt'
  if (a.samples.length !== b.samples.length) return 'another number of texts'
  for (const [index, one] of a.samples.entries()) {
    const wrong = sampleDifference(one, b.samples[index]!)
    if (wrong !== null) return wrong
  }
  return null
}

/** Where two ways part there must have been hardly a choice; what comes after cannot be compared without the model. */
function sampleDifference(a: SampleAnswer, b: SampleAnswer): string | null {
  const common = Math.min(a.tokens.length, b.tokens.length)
  for (let at = 0; at < common; at++) {
    const [one, other] = [a.tokens[at]!, b.tokens[at]!]
    if (one.token === other.token) {
      if (Math.abs(one.gap - other.gap) <= GAP_TOLERANCE + RELATIVE_TOLERANCE * one.gap) continue
      return 'another likelihood of a token'
    }
    const near = (chosen: typeof one, taken: typeof other) =>
      isSampled(chosen) || (chosen.gap <= GAP_TOLERANCE && chosen.runnerUp === taken.token)
    return near(one, other) && near(other, one) ? null : 'a text that no near tie explains'
  }
  if (a.tokens.length === b.tokens.length)
    return a.text === b.text && a.finish === b.finish ? null : 'another text of the same tokens'
  // One ended where the other went on. A stop, the limit of tokens and a full context come after the same tokens everywhere:
  // only the end-of-text token may have been nearly as likely as the other's own token.
  const [shorter, longer] = a.tokens.length < b.tokens.length ? [a, b] : [b, a]
  const next = longer.tokens[common]!
  const isTie = isSampled(next) || next.gap <= GAP_TOLERANCE
  return shorter.finish === 'eos' && isTie && goesOn(shorter, longer) ? null : 'a text that ends elsewhere'
}

/** Whether a text begins with what the other one is, but for half a character at its end, or is cut off in it by a stop. */
function goesOn(shorter: SampleAnswer, longer: SampleAnswer): boolean {
  const begun = shorter.text.replace(/\ufffd+$/, '')
  return longer.text.startsWith(begun) || (longer.finish === 'stop' && begun.startsWith(longer.text))
}

/** Drawn at random: how likely the others were says nothing of it. */
const isSampled = ({ token, runnerUp }: { token: number; runnerUp: number }) => token === runnerUp

function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return -1
  let dot = 0
  let normA = 0
  let normB = 0
  for (const [index, value] of a.entries()) {
    dot += value * b[index]!
    normA += value ** 2
    normB += b[index]! ** 2
  }
  if (normA === 0 || normB === 0) return normA === normB ? 1 : 0
  return dot / Math.sqrt(normA * normB)
}

/** Null when a record answers this item at all: its type, the number of its answers, and no more than was asked for. */
export function shapeProblem(record: ItemRecord, item: Item): string | null {
  if (record.type !== item.type) return 'another kind of answer'
  // A tokenizer may make nothing of a text of spaces.
  if (record.type === 'text')
    return (record.tokens === 0) === (record.windows === 0) ? null : 'windows without tokens'
  if (record.type === 'choice' && item.type === 'choice')
    return record.choices.length === item.choices.length ? null : 'other choices'
  if (record.type === 'generate' && item.type === 'generate') {
    if (record.samples.length !== item.samples) return 'another number of texts'
    if (record.samples.some(({ tokens }) => tokens.length > item.maxTokens)) return 'more tokens than allowed'
    if (item.temperature === 0 && record.samples.some(({ tokens }) => tokens.some(isSampled)))
      return 'a token without a runner-up'
    const early = ({ text }: SampleAnswer) => item.stop.some((stop) => text.includes(stop))
    return record.samples.some(early) ? 'text beyond a stop' : null
  }
  return null
}
