/** Puts a language model together: session, runners, batching, scoring, grammars and adapters. */
import { readLanguageCard } from '../models/language-card.ts'
import { loadLanguageTokenizer } from '../models/tokenizer.ts'
import { createAdapters } from './adapter.ts'
import { createBatch } from './batch.ts'
import { createGrammars } from './grammars.ts'
import { createHubRunner } from './hub-runner.ts'
import type {
  GenerateRequest,
  Generation,
  LanguageModel,
  LanguageModelInit,
  TokenEvent,
} from './language-model.ts'
import { openLanguageSession } from './language-session.ts'
import { createScorer } from './score.ts'
import { createSequence } from './sequence.ts'
import { createVillageRunner } from './village-runner.ts'

const DEFAULT_MAX_BATCH = 8
const DEFAULT_CACHE_BYTES = 2 ** 30

/**
 * Loads the language model of a directory: model.json, tokenizer.json, model.onnx. Throws MODEL_CARD_INVALID,
 * TOKENIZER_INVALID, MODEL_MALFORMED, MODEL_UNSUPPORTED, SESSION_FAILED.
 */
export async function openLanguageModel(modelDir: string, init: LanguageModelInit): Promise<LanguageModel> {
  const { threads, maxBatch = DEFAULT_MAX_BATCH, cacheBytes = DEFAULT_CACHE_BYTES, adapters = false } = init
  const given = readLanguageCard(modelDir)
  // Without inputs for adapters the graph takes none.
  const card = adapters ? given : { ...given, adapters: null }
  const tokenizer = loadLanguageTokenizer(modelDir)
  const inPlace = card.layout === 'village'
  const session = await openLanguageSession(modelDir, { threads, inPlace, adapters })
  const createRunner = inPlace ? createVillageRunner : createHubRunner
  // Half of the memory for each: scoring has one row, generation many, and they may run side by side.
  const runners = [createRunner(session, card), createRunner(session, card)] as const
  const scorer = createScorer(runners[0], card, { cacheBytes: cacheBytes / 2 })
  const batch = createBatch(runners[1], { maxBatch, cacheBytes: cacheBytes / 2 })
  const loadedAdapters = createAdapters(session, card)
  const grammars = createGrammars(card, tokenizer)

  async function generateOne(
    request: GenerateRequest,
    signal: AbortSignal,
    onToken: ((event: TokenEvent) => void) | undefined,
  ): Promise<Generation> {
    const { constraint, adapter } = request
    const matcher = constraint === undefined ? null : await grammars.matcher(constraint)
    try {
      const sequence = createSequence({ card, tokenizer, matcher }, request, onToken)
      const loaded = adapter === undefined ? null : loadedAdapters.load(adapter)
      return sequence.result(await batch.run(sequence, loaded, signal))
    } finally {
      matcher?.dispose()
    }
  }

  return {
    card,
    tokenizer,
    residentBytes: () => session.sizeBytes + runners.reduce((sum, runner) => sum + runner.cacheBytes(), 0),
    score: (requests, signal) => scorer.score(requests, signal),
    async generate(requests, signal, onToken) {
      const failed = new AbortController()
      const either = AbortSignal.any([signal, failed.signal])
      const all = requests.map((request, index) =>
        generateOne(request, either, onToken && ((event) => onToken(index, event))).catch(
          (error: unknown) => {
            failed.abort(error)
            throw error
          },
        ),
      )
      // Nothing of this call runs on behind its end.
      await Promise.allSettled(all)
      if (failed.signal.aborted) throw failed.signal.reason
      return Promise.all(all)
    },
    forget() {
      scorer.forget()
      batch.forget()
    },
    async close() {
      grammars.dispose()
      await session.release()
    },
  }
}
