/**
 * A test double of a language model: one token a character, and logits that a function of the tokens before gives. It has
 * the interface of the real one and no network inside.
 */
import type {
  FinishReason,
  GenerateRequest,
  Generation,
  LanguageModel,
} from '../../node/compute/generate/language-model.ts'
import type { LanguageCard } from '../../node/compute/models/language-card.ts'
import type { LanguageTokenizer } from '../../node/compute/models/tokenizer.ts'

export const BOS = 1
export const EOS = 2
const VOCABULARY = 128

const CARD: LanguageCard = {
  version: 1,
  task: 'text-generation',
  name: 'scripted',
  title: 'Scripted',
  licence: 'none',
  source: 'none',
  parameters: 1,
  architecture: 'llama',
  layout: 'village',
  layers: 1,
  keyValueHeads: 1,
  headSize: 16,
  vocabulary: VOCABULARY,
  contextTokens: 64,
  bosToken: BOS,
  eosTokens: [EOS],
  padToken: null,
  positionInput: false,
  cacheType: 'float32',
  adapters: null,
}

/** ASCII only; the tokenizer puts BOS in front where it is asked for special tokens. */
export const scriptedTokenizer: LanguageTokenizer = {
  encode: (text, init) => [
    ...(init?.specialTokens === true ? [BOS] : []),
    ...[...text].map((letter) => letter.charCodeAt(0)),
  ],
  decode: (tokens) =>
    tokens.map((token) => (token === BOS || token === EOS ? '' : String.fromCharCode(token))).join(''),
  stream: () => ({
    push: (token) => (token === BOS || token === EOS ? '' : String.fromCharCode(token)),
    flush: () => '',
  }),
  vocabulary: VOCABULARY,
  tokenOf: (text) => text.charCodeAt(0),
  vocabularyStrings: () => Array.from({ length: VOCABULARY }, (_, token) => String.fromCharCode(token)),
}

export interface ScriptedModel extends LanguageModel {
  /** Contexts and continuations that were scored, in order. */
  readonly scored: { context: readonly number[]; continuation: readonly number[] }[]
  readonly generated: GenerateRequest[]
}

/** `logit` of a token behind what came before; equal arguments must give equal results. */
export function createScriptedModel(init: {
  logit: (before: readonly number[], token: number) => number
  contextTokens?: number
  card?: Partial<LanguageCard>
}): ScriptedModel {
  const card = { ...CARD, contextTokens: init.contextTokens ?? CARD.contextTokens, ...init.card }
  const scored: ScriptedModel['scored'] = []
  const generated: GenerateRequest[] = []

  function logProbabilities(before: readonly number[]): number[] {
    const logits = Array.from({ length: VOCABULARY }, (_, token) => init.logit(before, token))
    const most = Math.max(...logits)
    const sum = Math.log(logits.reduce((total, logit) => total + Math.exp(logit - most), 0)) + most
    return logits.map((logit) => logit - sum)
  }

  function generateOne(request: GenerateRequest): Generation {
    const tokens: number[] = []
    const likelihoods = []
    let finish: FinishReason = 'length'
    const textOf = () => scriptedTokenizer.decode(tokens)
    while (tokens.length < request.maxTokens) {
      const all = logProbabilities([...request.tokens, ...tokens])
      const order = [...all.keys()].sort((a, b) => all[b]! - all[a]! || a - b)
      const token = order[0]!
      if (card.eosTokens.includes(token)) {
        finish = 'eos'
        break
      }
      tokens.push(token)
      const top = order.slice(0, 2).map((one) => ({ token: one, logProbability: all[one]! }))
      likelihoods.push({ token, logProbability: all[token]!, top })
      if ((request.stop ?? []).some((stop) => textOf().includes(stop))) {
        finish = 'stop'
        break
      }
    }
    const ends = (request.stop ?? []).map((stop) => textOf().indexOf(stop)).filter((at) => at >= 0)
    const text = ends.length === 0 ? textOf() : textOf().slice(0, Math.min(...ends))
    return { tokens, text, finish, cachedTokens: 0, logProbabilities: likelihoods }
  }

  return {
    card,
    tokenizer: scriptedTokenizer,
    scored,
    generated,
    residentBytes: () => 0,
    forget: () => undefined,
    close: async () => undefined,
    score: async (requests) =>
      requests.map((request) => {
        scored.push(request)
        let greedy = true
        const values = request.continuation.map((token, at) => {
          const all = logProbabilities([...request.context, ...request.continuation.slice(0, at)])
          greedy &&= all[token] === Math.max(...all)
          return all[token]!
        })
        return { logProbabilities: Float32Array.from(values), greedy }
      }),
    generate: async (requests) => {
      generated.push(...requests)
      return requests.map(generateOne)
    },
  }
}
