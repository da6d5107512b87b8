/**
 * Counts what a key uses and says when it has to wait: a bucket of a minute's requests that refills evenly, and two quotas that
 * begin anew at midnight UTC. Time is an argument.
 */
import { DAY_MS, type KeyLimits, type KeyUsage, MINUTE_MS, NO_USAGE } from './key.ts'

export type Refusal = 'requestsByMinute' | 'requestsByDay' | 'tokensByDay'

export interface Verdict {
  /** null: the request may pass, and was counted. */
  readonly refused: Refusal | null
  readonly retryAfterMs: number
  /** `x-ratelimit-…` as OpenAI's API has them: of requests the limit that is nearer, of tokens the day's. */
  readonly headers: Readonly<Record<string, string>>
}

export interface MeterState {
  /** Days since the epoch, UTC. */
  readonly day: number
  readonly today: KeyUsage
  readonly total: KeyUsage
}

export interface KeyMeter {
  take(nowMs: number): Verdict
  /**
   * Takes hold of tokens that a request will use at most or so, until release(): of many requests at once that begin below the quota,
   * only the first passes where it may use all that is left. null: nothing is left.
   */
  reserve(tokens: number, nowMs: number): { release(): void } | null
  addTokens(tokens: { promptTokens: number; completionTokens: number }, nowMs: number): void
  state(nowMs: number): MeterState
}

/** `6m0s`, `1.2s`, `20ms`: how OpenAI's API writes a time to wait. */
export function waitText(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`
  const seconds = Math.ceil(ms / 100) / 10
  if (seconds < 60) return `${seconds}s`
  const whole = Math.ceil(ms / 1_000)
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor((whole % 3_600) / 60)]
  return `${hours > 0 ? `${hours}h` : ''}${minutes}m${whole % 60}s`
}

export function createKeyMeter(limits: KeyLimits, from: MeterState): KeyMeter {
  const { requestsByMinute, requestsByDay, tokensByDay } = limits
  let { day, today, total } = from
  let level = requestsByMinute ?? 0
  let levelAtMs: number | null = null
  let reserved = 0

  /** A clock that is set back begins no new day, and refills nothing. */
  function pass(nowMs: number): void {
    const now = Math.floor(nowMs / DAY_MS)
    if (now > day) {
      day = now
      today = NO_USAGE
    }
    if (requestsByMinute === null) return
    const elapsedMs = Math.max(0, nowMs - (levelAtMs ?? nowMs))
    level = Math.min(requestsByMinute, level + (elapsedMs * requestsByMinute) / MINUTE_MS)
    levelAtMs = nowMs
  }

  const dayLeftMs = (nowMs: number) => Math.max(1, (day + 1) * DAY_MS - nowMs)
  const tokens = () => today.promptTokens + today.completionTokens
  const untilLevelMs = (wanted: number) =>
    requestsByMinute === null ? 0 : Math.max(0, ((wanted - level) * MINUTE_MS) / requestsByMinute)

  function refusal(): Refusal | null {
    if (requestsByDay !== null && today.requests >= requestsByDay) return 'requestsByDay'
    if (tokensByDay !== null && tokens() >= tokensByDay) return 'tokensByDay'
    return requestsByMinute !== null && level < 1 ? 'requestsByMinute' : null
  }

  function headers(nowMs: number): Record<string, string> {
    const windows = [
      requestsByMinute !== null && {
        limit: requestsByMinute,
        left: Math.floor(level),
        resetMs: untilLevelMs(requestsByMinute),
      },
      requestsByDay !== null && {
        limit: requestsByDay,
        left: Math.max(0, requestsByDay - today.requests),
        resetMs: dayLeftMs(nowMs),
      },
    ].filter((window) => window !== false)
    const nearer = windows.sort((a, b) => a.left - b.left)[0]
    return {
      ...(nearer !== undefined && {
        'x-ratelimit-limit-requests': String(nearer.limit),
        'x-ratelimit-remaining-requests': String(nearer.left),
        'x-ratelimit-reset-requests': waitText(nearer.resetMs),
      }),
      ...(tokensByDay !== null && {
        'x-ratelimit-limit-tokens': String(tokensByDay),
        'x-ratelimit-remaining-tokens': String(Math.max(0, tokensByDay - tokens())),
        'x-ratelimit-reset-tokens': waitText(dayLeftMs(nowMs)),
      }),
    }
  }

  const counted = (usage: KeyUsage, more: KeyUsage): KeyUsage => ({
    requests: usage.requests + more.requests,
    promptTokens: usage.promptTokens + more.promptTokens,
    completionTokens: usage.completionTokens + more.completionTokens,
  })

  function count(more: KeyUsage): void {
    today = counted(today, more)
    total = counted(total, more)
  }

  return {
    take(nowMs) {
      pass(nowMs)
      const refused = refusal()
      if (refused === null) {
        if (requestsByMinute !== null) level -= 1
        count({ ...NO_USAGE, requests: 1 })
      }
      const retryAfterMs =
        refused === null ? 0 : Math.ceil(refused === 'requestsByMinute' ? untilLevelMs(1) : dayLeftMs(nowMs))
      return { refused, retryAfterMs, headers: headers(nowMs) }
    },
    reserve(amount, nowMs) {
      pass(nowMs)
      if (tokensByDay !== null && tokens() + reserved >= tokensByDay) return null
      reserved += amount
      let isHeld = true
      return {
        release() {
          if (isHeld) reserved -= amount
          isHeld = false
        },
      }
    },
    addTokens({ promptTokens, completionTokens }, nowMs) {
      pass(nowMs)
      count({ requests: 0, promptTokens, completionTokens })
    },
    state(nowMs) {
      pass(nowMs)
      return { day, today, total }
    },
  }
}
