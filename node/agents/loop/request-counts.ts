/** What agents have done since the start, for the metrics: counts without a word of what was said. */
import { createHistogram, type HistogramReading } from '../../histogram.ts'
import type { ChatUsage } from '../chat/chat-model.ts'

export type CallOutcome = 'done' | 'failed' | 'refused'

export interface RequestCounts {
  /** Requests by how they ended: a `finish`, or `failed`, `cancelled`, `busy`. */
  readonly requests: readonly { readonly agent: string; readonly finish: string; readonly count: number }[]
  readonly turns: number
  /** By agent. */
  readonly requestSeconds: HistogramReading
  readonly turnSeconds: HistogramReading
  readonly calls: readonly { readonly tool: string; readonly outcome: CallOutcome; readonly count: number }[]
  readonly tokens: readonly {
    readonly model: string
    readonly promptTokens: number
    readonly completionTokens: number
  }[]
}

export interface RequestCounter {
  countRequest(agent: string, finish: string): void
  countTurns(turns: number): void
  timeRequest(agent: string, seconds: number): void
  /** What a turn took with its calls; waiting for approval is part of it. */
  timeTurn(agent: string, seconds: number): void
  countCall(tool: string, outcome: CallOutcome): void
  countTokens(model: string | null, usage: ChatUsage): void
  counts(): RequestCounts
}

/** Names come from tables and the configuration; whatever goes beyond is counted together. */
const MAX_NAMES = 256

export function createRequestCounter(): RequestCounter {
  const requests = new Map<string, { agent: string; finish: string; count: number }>()
  const calls = new Map<string, { tool: string; outcome: CallOutcome; count: number }>()
  const tokens = new Map<string, { model: string; promptTokens: number; completionTokens: number }>()
  const requestSeconds = createHistogram<'agent'>()
  const turnSeconds = createHistogram<'agent'>()
  let turns = 0

  const named = (map: ReadonlyMap<string, unknown>, key: string, name: string) =>
    map.has(key) || map.size < MAX_NAMES ? name : 'other'

  return {
    countRequest(agent, finish) {
      const key = `${agent} ${finish}`
      const row = requests.get(key) ?? { agent, finish, count: 0 }
      requests.set(key, { ...row, count: row.count + 1 })
    },
    countTurns(count) {
      turns += count
    },
    timeRequest: (agent, seconds) => requestSeconds.observe({ agent }, seconds),
    timeTurn: (agent, seconds) => turnSeconds.observe({ agent }, seconds),
    countCall(given, outcome) {
      const tool = named(calls, `${given} ${outcome}`, given)
      const key = `${tool} ${outcome}`
      const row = calls.get(key) ?? { tool, outcome, count: 0 }
      calls.set(key, { ...row, count: row.count + 1 })
    },
    countTokens(given, usage) {
      if (given === null) return
      const model = named(tokens, given, given)
      const row = tokens.get(model) ?? { model, promptTokens: 0, completionTokens: 0 }
      tokens.set(model, {
        model,
        promptTokens: row.promptTokens + usage.promptTokens,
        completionTokens: row.completionTokens + usage.completionTokens,
      })
    },
    counts: () => ({
      requests: [...requests.values()],
      turns,
      requestSeconds: requestSeconds.read(),
      turnSeconds: turnSeconds.read(),
      calls: [...calls.values()],
      tokens: [...tokens.values()],
    }),
  }
}
