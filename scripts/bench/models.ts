/** Text generation: tokens a second, what a token costs as the text grows, and the share of time outside onnxruntime. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { GenerateRequest, LanguageModel } from '../../node/compute/generate/language-model.ts'
import { openLanguageModel } from '../../node/compute/generate/open-language-model.ts'
import type { Bench, BenchContext } from './bench.ts'
import { type BenchModel, madeModel, storiesModel } from './language-models.ts'
import { cpuMs, openLlama } from './llama-cpp.ts'
import { reportImport } from './models-import.ts'

const DECODED = 256
/** In turns with llama.cpp. */
const COMPARED = 128
const ROWS = 8
const RUNS = 5
const LLAMA_BAR = 0.8
const OUTSIDE_BAR = 0.2
/** Constant but for attention itself, which reads all that came before. */
const GROWTH_BAR = 1.5
/** Of so few parameters attention to some hundred tokens is the larger part of the work, whoever does it. */
const GROWS = 'stories260K'
const PROBED = 32

const request = (tokens: readonly number[], maxTokens: number): GenerateRequest => ({
  tokens,
  maxTokens,
  sampling: {},
  ignoreEnd: true,
})

/** No beginning in common with any other seed: nothing comes from a cache. */
const prompt = (length: number, seed: number, vocabulary: number) =>
  Array.from({ length }, (_, at) => 3 + ((at * 31 + seed * 7919) % (vocabulary - 3)))

/** A session of the native binding of onnxruntime-node. */
interface NativeSession {
  loadModel(...given: unknown[]): void
  run(...given: unknown[]): unknown
  dispose(): void
  readonly inputMetadata: unknown
  readonly outputMetadata: unknown
}

/** Time that onnxruntime's own calls take: sessions that are opened from now on are watched. */
function watchRuntime(): () => number {
  const require = createRequire(import.meta.url)
  const { binding } = require(path.join(path.dirname(require.resolve('onnxruntime-node')), 'binding.js')) as {
    binding: { InferenceSession: new () => NativeSession }
  }
  const Native = binding.InferenceSession
  let spentMs = 0
  binding.InferenceSession = class implements NativeSession {
    readonly #native = new Native()
    loadModel(...given: unknown[]): void {
      this.#native.loadModel(...given)
    }
    run(...given: unknown[]): unknown {
      const startedAt = performance.now()
      try {
        return this.#native.run(...given)
      } finally {
        spentMs += performance.now() - startedAt
      }
    }
    dispose(): void {
      this.#native.dispose()
    }
    get inputMetadata(): unknown {
      return this.#native.inputMetadata
    }
    get outputMetadata(): unknown {
      return this.#native.outputMetadata
    }
  }
  return () => spentMs
}

interface Decoded {
  /** From the first token of any request to the end of the last, of the wall clock and of the processor. */
  readonly ms: number
  readonly cpuMs: number
  /** Tokens that came in that time. */
  readonly tokens: number
  readonly made: readonly number[]
}

async function decodeMs(
  model: LanguageModel,
  requests: readonly GenerateRequest[],
  signal: AbortSignal,
): Promise<Decoded> {
  let startedAt = 0
  let used: NodeJS.CpuUsage | undefined
  let seen = 0
  const made = await model.generate(requests, signal, () => {
    seen += 1
    if (startedAt === 0) [startedAt, used] = [performance.now(), process.cpuUsage()]
  })
  return {
    ms: performance.now() - startedAt,
    cpuMs: cpuMs(used),
    tokens: seen - 1,
    made: made[0]!.tokens,
  }
}

async function measure(context: BenchContext, given: BenchModel, runtimeMs: () => number): Promise<void> {
  const { signal } = context
  const model = await openLanguageModel(given.directory, { threads: 1, maxBatch: ROWS })
  const { vocabulary, contextTokens } = model.card
  const report = (
    label: string,
    value: number,
    unit: string,
    better: 'higher' | 'lower' = 'higher',
    bar: number | null = null,
  ) => context.report({ case: `${given.name}: ${label}`, value, unit, better, bar })
  try {
    let [best, share] = [0, 1]
    for (let run = 0; run < RUNS; run++) {
      const before = runtimeMs()
      const startedAt = performance.now()
      const { ms, tokens } = await decodeMs(model, [request(prompt(4, run, vocabulary), DECODED)], signal)
      best = Math.max(best, (1000 * tokens) / ms)
      share = Math.min(share, 1 - (runtimeMs() - before) / (performance.now() - startedAt))
    }
    report('decode, 1 request, 1 thread', best, 'tokens/s')
    report('share of time outside onnxruntime', share, 'of the time', 'lower', OUTSIDE_BAR)
    let many = 0
    for (let run = 0; run < 3; run++) {
      const requests = Array.from({ length: ROWS }, (_, row) =>
        request(prompt(4, 100 + run * ROWS + row, vocabulary), DECODED),
      )
      const { ms, tokens } = await decodeMs(model, requests, signal)
      many = Math.max(many, (1000 * tokens) / ms)
    }
    report(`decode, ${ROWS} requests, 1 thread`, many, 'tokens/s')
    const length = Math.min(512, contextTokens - 2)
    let prefill = 0
    for (let run = 0; run < 3; run++) {
      const startedAt = performance.now()
      await model.generate([request(prompt(length, 200 + run, vocabulary), 1)], signal)
      prefill = Math.max(prefill, (1000 * length) / (performance.now() - startedAt))
    }
    report(`prompt of ${length} tokens`, prefill, 'tokens/s')
    const costs: number[] = []
    for (const at of [64, 256, 1024].map((tokens) => Math.min(tokens, contextTokens - PROBED - 1))) {
      let least = Number.POSITIVE_INFINITY
      for (let run = 0; run < RUNS; run++) {
        const text = prompt(at, 300 + at + run, vocabulary)
        const decoded = await decodeMs(model, [request(text, PROBED)], signal)
        least = Math.min(least, decoded.cpuMs / decoded.tokens)
      }
      costs.push(least)
      report(`processor time of a token after ${at}`, least, 'ms', 'lower')
    }
    report(
      'a token after the longest against the shortest',
      costs.at(-1)! / costs[0]!,
      'times',
      'lower',
      given.name === GROWS ? null : GROWTH_BAR,
    )
    await compare(context, given, model, report)
  } finally {
    await model.close()
  }
}

/**
 * The same prompt, in turns with llama.cpp, by the time that the processor spent: other work on the machine lengthens the wall
 * time of either by as much as it likes.
 */
async function compare(
  context: BenchContext,
  given: BenchModel,
  model: LanguageModel,
  report: (
    label: string,
    value: number,
    unit: string,
    better?: 'higher' | 'lower',
    bar?: number | null,
  ) => void,
): Promise<void> {
  const llama = await openLlama(given.source, context.signal)
  if (llama === null) {
    context.log('skipped: llama.cpp (VILLAGE_LLAMA_DIR names no directory with node-llama-cpp)')
    return
  }
  const start = [1]
  const [ours, theirs]: [number[], number[]] = [[], []]
  let [made, expected]: [readonly number[], readonly number[]] = [[], []]
  let wall = Number.POSITIVE_INFINITY
  try {
    for (let run = 0; run < RUNS; run++) {
      const ourRun = await decodeMs(model, [request(start, COMPARED + 1)], context.signal)
      ours.push(ourRun.cpuMs / ourRun.tokens)
      made = ourRun.made
      const theirRun = await llama.decode(start, COMPARED)
      theirs.push(theirRun.cpuMs / (theirRun.tokens.length - 1))
      wall = Math.min(wall, theirRun.ms / (theirRun.tokens.length - 1))
      expected = theirRun.tokens
    }
  } finally {
    await llama.close()
  }
  // The least of several: what else runs on the machine takes caches and memory from either.
  const [least, other] = [Math.min(...ours), Math.min(...theirs)]
  const differs = made.findIndex((token, index) => token !== expected[index])
  report('llama.cpp, 1 thread', 1000 / wall, 'tokens/s')
  report('processor time of a token', least, 'ms', 'lower')
  report('processor time of a token, llama.cpp', other, 'ms', 'lower')
  report('against llama.cpp, by processor time', other / least, 'times', 'higher', LLAMA_BAR)
  report('tokens until the two texts differ', differs === -1 ? made.length : differs, 'tokens')
}

export const modelsBench: Bench = {
  name: 'models',
  title:
    'import against the reference; generation: tokens a second, cost by length, time outside onnxruntime',
  async run(context) {
    const root = mkdtempSync(path.join(tmpdir(), 'village-bench-models-'))
    const runtimeMs = watchRuntime()
    try {
      const stories = storiesModel(root)
      if (stories === null) context.log('skipped: no data (shared/data/models/stories260K.bin)')
      else {
        await reportImport(context, { modelDir: stories.directory, seconds: stories.seconds })
        await measure(context, stories, runtimeMs)
      }
      await measure(context, madeModel(root), runtimeMs)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  },
}
