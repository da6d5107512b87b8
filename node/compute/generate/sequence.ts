/** One request on its way: what was generated so far, how the next token is chosen, and when it ends. */
import { randomInt } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import type { LanguageCard } from '../models/language-card.ts'
import type { LanguageTokenizer } from '../models/tokenizer.ts'
import { counterRandom, streamOf } from '../training/philox.ts'
import type { Matcher } from './constraint.ts'
import type {
  FinishReason,
  GenerateRequest,
  Generation,
  TokenEvent,
  TokenLogProbability,
} from './language-model.ts'
import { chooseToken, logSumExp, mostLikely, samplingSettings } from './sampling.ts'
import { checkStopStrings, createStopScanner } from './stop-strings.ts'

export const MAX_TOP_LOG_PROBABILITIES = 100
/** More than a character has bytes. */
const PRIMED_TOKENS = 8
const MAX_SEED = 2 ** 48 - 1
const STREAM = streamOf('sampling')

export interface Sequence {
  /** The prompt and what was generated. */
  readonly tokens: readonly number[]
  readonly promptTokens: number
  /** Tokens that the cache must hold at most. */
  readonly mostTokens: number
  /** Takes the logits behind the last token, and returns why the sequence has ended, or null. */
  next(logits: Float32Array): Promise<FinishReason | null>
  result(cachedTokens: number): Generation
}

const invalid = (field: string, message: string) =>
  new VillageError('INVALID_ARGUMENT', message, { fields: { field } })

/** Throws INVALID_ARGUMENT or CONTEXT_TOO_LONG. */
export function checkTokens(tokens: readonly number[], card: LanguageCard, most: number): void {
  if (tokens.length > most)
    throw new VillageError(
      'CONTEXT_TOO_LONG',
      `${tokens.length} tokens are more than the ${most} that the model can take`,
      { fields: { tokens: tokens.length, most } },
    )
  const odd = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= card.vocabulary)
  if (odd !== undefined) throw invalid('tokens', `The model has no token ${odd}`)
}

/** Checks a request whole. Throws INVALID_ARGUMENT that names the field, or CONTEXT_TOO_LONG. */
export function createSequence(
  components: { card: LanguageCard; tokenizer: LanguageTokenizer; matcher: Matcher | null },
  request: GenerateRequest,
  onToken: ((event: TokenEvent) => void) | undefined,
): Sequence {
  const { card, tokenizer, matcher } = components
  const { maxTokens, stop = [], logProbabilities, ignoreEnd = false } = request
  // One token at least must fit behind the prompt.
  checkTokens(request.tokens, card, card.contextTokens - 1)
  if (request.tokens.length === 0) throw invalid('tokens', 'The prompt has no tokens')
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw invalid('maxTokens', 'maxTokens must be a whole number from 1 on')
  const topCount = logProbabilities ?? 0
  if (!Number.isInteger(topCount) || topCount < 0 || topCount > MAX_TOP_LOG_PROBABILITIES)
    throw invalid(
      'logProbabilities',
      `logProbabilities must be a whole number from 0 to ${MAX_TOP_LOG_PROBABILITIES}`,
    )
  checkStopStrings(stop)
  const settings = samplingSettings(request.sampling, card.vocabulary)
  const seed = request.sampling.seed ?? randomInt(MAX_SEED)
  if (!Number.isInteger(seed) || seed < 0 || seed > Number.MAX_SAFE_INTEGER)
    throw invalid('seed', 'seed must be a whole number from 0 on')

  // By the number of the token: a sequence draws the same numbers whatever runs beside it.
  const random = counterRandom(seed, STREAM)
  const uniform = (index: number) =>
    (random.word(2 * index) * 2 ** 21 + (random.word(2 * index + 1) >>> 11)) / 2 ** 53
  const ends = new Set(ignoreEnd ? [] : card.eosTokens)
  const tokens = [...request.tokens]
  const promptTokens = tokens.length
  const history = { seen: new Set(tokens), generated: new Map<number, number>() }
  const decoder = tokenizer.stream()
  // The text goes on where the prompt ends: a first space is kept, and half a character is made whole.
  for (const token of request.tokens.slice(-PRIMED_TOKENS)) decoder.push(token)
  const scanner = createStopScanner(stop)
  const rows: TokenLogProbability[] = []
  let text = ''
  let finish: FinishReason | null = null

  function describe(logits: Float32Array, token: number): TokenLogProbability | undefined {
    if (logProbabilities === undefined) return undefined
    const total = logSumExp(logits)
    const top = topTokens(logits, topCount).map((one) => ({
      token: one,
      logProbability: logits[one]! - total,
    }))
    return { token, logProbability: logits[token]! - total, top }
  }

  /** Ends the text: what decoder and scanner held back comes out, unless a stop string does then. */
  function close(reason: FinishReason): string {
    finish = reason
    if (reason === 'stop') return ''
    const last = scanner.push(decoder.flush())
    if (last.stopped) {
      finish = 'stop'
      return last.text
    }
    return last.text + scanner.flush()
  }

  function endAfter(total: number): FinishReason | null {
    if (total - promptTokens >= maxTokens) return 'length'
    return total >= card.contextTokens ? 'context' : null
  }

  return {
    tokens,
    promptTokens,
    mostTokens: Math.min(promptTokens + maxTokens, card.contextTokens),
    async next(logits) {
      const token = chooseToken(
        logits,
        settings,
        history,
        matcher === null ? null : await matcher.mask(),
        settings.temperature === 0 ? 0 : uniform(tokens.length - promptTokens),
      )
      if (token === -1 && mostLikely(logits) === -1)
        throw new VillageError('SESSION_FAILED', 'The model gave logits that are no numbers.')
      if (token === -1 || ends.has(token)) {
        const rest = close(token === -1 ? 'complete' : 'eos')
        text += rest
        if (rest !== '') onToken?.({ token, text: rest })
        return finish
      }
      const logProbability = describe(logits, token)
      if (logProbability !== undefined) rows.push(logProbability)
      tokens.push(token)
      history.seen.add(token)
      history.generated.set(token, (history.generated.get(token) ?? 0) + 1)
      matcher?.accept(token)
      const found = scanner.push(decoder.push(token))
      const reason = found.stopped ? 'stop' : endAfter(tokens.length)
      const given = reason === null ? found.text : found.text + close(reason)
      text += given
      onToken?.({ token, text: given, ...(logProbability && { logProbability }) })
      return finish
    },
    result: (cachedTokens) => ({
      tokens: tokens.slice(promptTokens),
      text,
      finish: finish ?? 'length',
      cachedTokens,
      ...(logProbabilities !== undefined && { logProbabilities: rows }),
    }),
  }
}

/** The `count` most likely tokens, in order. */
function topTokens(logits: Float32Array, count: number): number[] {
  const top: number[] = []
  for (let token = 0; token < logits.length && count > 0; token++) {
    const logit = logits[token]!
    if (top.length === count && !(logit > logits[top[count - 1]!]!)) continue
    let at = top.length
    while (at > 0 && logits[top[at - 1]!]! < logit) at--
    top.splice(at, 0, token)
    if (top.length > count) top.pop()
  }
  return top
}
