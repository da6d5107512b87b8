/** Teacher forcing: what probability a model gives to tokens that are there already. */
import { VillageError } from '../../errors.ts'
import type { LanguageCard } from '../models/language-card.ts'
import type { Score, ScoreRequest } from './language-model.ts'
import type { Runner } from './runner.ts'
import { logSumExp, mostLikely } from './sampling.ts'
import { checkTokens } from './sequence.ts'

export interface Scorer {
  /** Lets go of what earlier calls left in the row. */
  forget(): void
  score(requests: readonly ScoreRequest[], signal: AbortSignal): Promise<readonly Score[]>
}

interface Open {
  readonly request: ScoreRequest
  readonly logProbabilities: Float32Array
  greedy: boolean
}

/** Orders token lists so that those which begin alike are neighbours. */
function compareTokens(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  for (let index = 0; index < most; index++) if (a[index] !== b[index]) return a[index]! - b[index]!
  return a.length - b.length
}

/** One row of a runner of its own; it keeps what the last call left in it. */
export function createScorer(runner: Runner, card: LanguageCard, init: { cacheBytes: number }): Scorer {
  let held: number[] = []
  let turn: Promise<unknown> = Promise.resolve()

  function check({ context, continuation }: ScoreRequest): void {
    if (context.length === 0 || continuation.length === 0)
      throw new VillageError('INVALID_ARGUMENT', 'Context and continuation have a token at least')
    // The last token is never read: nothing comes behind it.
    checkTokens([...context, ...continuation], card, card.contextTokens + 1)
  }

  /** Reads tokens into the row from where they differ from what it holds; `visit` is told the logits from `firstLogit` on. */
  async function read(
    tokens: readonly number[],
    firstLogit: number,
    signal: AbortSignal,
    visit: (index: number, logits: Float32Array) => void,
  ): Promise<void> {
    let from = 0
    while (from < firstLogit && from < held.length && held[from] === tokens[from]) from++
    held = held.slice(0, from)
    await runner.extend({ row: 0, tokens, from, firstLogit, adapter: null, signal, visit })
    held = [...tokens]
  }

  function note(open: Open, index: number, logits: Float32Array): void {
    const token = open.request.continuation[index]!
    open.logProbabilities[index] = logits[token]! - logSumExp(logits)
    if (mostLikely(logits) !== token) open.greedy = false
  }

  async function scoreAll(requests: readonly ScoreRequest[], signal: AbortSignal): Promise<readonly Score[]> {
    for (const request of requests) check(request)
    const longest =
      Math.max(...requests.map(({ context, continuation }) => context.length + continuation.length)) - 1
    if (runner.bytesOf(1, longest) > init.cacheBytes)
      throw new VillageError('GENERATE_TOO_LARGE', 'A cache of so many tokens takes more than is allowed', {
        fields: { tokens: longest, cacheBytes: init.cacheBytes },
      })
    runner.reserve(1, longest)
    const open = requests.map((request) => ({
      request,
      logProbabilities: new Float32Array(request.continuation.length),
      greedy: true,
    }))
    const ordered = [...open].sort((a, b) => compareTokens(a.request.context, b.request.context))
    for (let at = 0; at < ordered.length; ) {
      const { context } = ordered[at]!.request
      let end = at + 1
      while (end < ordered.length && compareTokens(ordered[end]!.request.context, context) === 0) end++
      const group = ordered.slice(at, end)
      // The first token of every continuation has the same logits.
      await read(context, context.length - 1, signal, (_, logits) => {
        for (const one of group) note(one, 0, logits)
      })
      for (const one of group) {
        const rest = one.request.continuation.slice(0, -1)
        if (rest.length > 0)
          await read([...context, ...rest], context.length, signal, (index, logits) =>
            note(one, index - context.length + 1, logits),
          )
      }
      at = end
    }
    return open.map(({ logProbabilities, greedy }) => ({ logProbabilities, greedy }))
  }

  return {
    forget() {
      turn = turn.then(() => {
        held = []
      })
    },
    score(requests, signal) {
      if (requests.length === 0) return Promise.resolve([])
      // Calls take turns: there is one row.
      const result = turn.then(() => scoreAll(requests, signal))
      turn = result.catch(() => {
        // The caller has the failure; what the row holds is in doubt.
        held = []
      })
      return result
    },
  }
}
