/**
 * Continuous batching: sequences join and leave between steps, so that a short one never waits for a long one. Each has a row
 * of the runner; those that generate are the first rows, and the one whose prompt is being read is behind them. A row keeps
 * what it holds when its sequence has ended: a later prompt that begins alike reads only the rest.
 */
import { toVillageError, VillageError } from '../../errors.ts'
import { CHUNK_TOKENS, type LoadedAdapter, type Runner } from './runner.ts'
import type { Sequence } from './sequence.ts'

export interface BatchInit {
  /** Most rows of one step. */
  readonly maxBatch: number
  readonly cacheBytes: number
}

export interface Batch {
  /** Runs a sequence to its end; resolves with the number of prompt tokens that were found in a cache. */
  run(sequence: Sequence, adapter: LoadedAdapter | null, signal: AbortSignal): Promise<number>
  /** Sequences that generate or wait. */
  readonly size: number
  /** Lets go of what earlier sequences left in the cache; nothing while there are some. */
  forget(): void
}

interface Job {
  readonly sequence: Sequence
  readonly adapter: LoadedAdapter | null
  readonly signal: AbortSignal
  cachedTokens: number
  /** Tokens of the sequence that its row holds. */
  held: number
  resolve(cachedTokens: number): void
  reject(error: unknown): void
}

/** What is in the cache of a row: the first `held` of `tokens`. */
interface Resident {
  readonly tokens: readonly number[]
  held: number
  readonly adapter: LoadedAdapter | null
}

const EMPTY = { tokens: [], held: 0, adapter: null }
/** One piece of a prompt is never broken off: whether its request was cancelled is looked at between pieces. */
const NEVER = new AbortController().signal

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}

export function createBatch(runner: Runner, init: BatchInit): Batch {
  const waiting: Job[] = []
  /** By row: those that generate. */
  const active: Job[] = []
  /** Its prompt is being read into the row behind the active ones. */
  let reading: Job | null = null
  /** By row, what is in its cache. */
  let residents: Resident[] = []
  let reserved = { rows: 0, tokens: 0 }
  let running = false

  const tokensOf = (job: Job) => job.sequence.tokens

  /** Whether there is room for one more row; makes it. Throws where a sequence alone is too large. */
  function makeRoom(job: Job): boolean {
    const fits = () =>
      runner.bytesOf(
        Math.max(reserved.rows, active.length + 1),
        Math.max(reserved.tokens, job.sequence.mostTokens),
      ) <= init.cacheBytes
    if (!fits()) {
      if (active.length > 0) return false
      forget()
      if (!fits())
        throw new VillageError(
          'GENERATE_TOO_LARGE',
          `A cache of ${job.sequence.mostTokens} tokens takes more than the ${init.cacheBytes} bytes that are allowed`,
          { fields: { tokens: job.sequence.mostTokens, cacheBytes: init.cacheBytes } },
        )
    }
    reserved = {
      rows: Math.max(reserved.rows, active.length + 1),
      tokens: Math.max(reserved.tokens, job.sequence.mostTokens),
    }
    runner.reserve(reserved.rows, reserved.tokens)
    while (residents.length < reserved.rows) residents.push({ ...EMPTY })
    return true
  }

  function forget(): void {
    runner.clear()
    residents = []
    reserved = { rows: 0, tokens: 0 }
  }

  /** Takes the next waiting sequence, with as much of its prompt as some row holds already. */
  function admit(): void {
    const job = waiting[0]
    if (job === undefined || reading !== null || active.length >= init.maxBatch) return
    // One step has one adapter: another one waits until those before it are done.
    if (active.length > 0 && active[0]!.adapter !== job.adapter) return
    try {
      if (!makeRoom(job)) return
    } catch (error) {
      waiting.shift()
      job.reject(error)
      return
    }
    waiting.shift()
    const target = active.length
    let [donor, length] = [target, 0]
    for (const [row, resident] of residents.entries()) {
      if (resident.adapter !== job.adapter) continue
      const common = Math.min(resident.held, commonPrefix(resident.tokens, tokensOf(job)))
      if (common > length) [donor, length] = [row, common]
    }
    // The last token is read in any case: its logits are wanted.
    job.held = Math.min(length, tokensOf(job).length - 1)
    job.cachedTokens = job.held
    if (donor !== target && job.held > 0) runner.copy(donor, target, job.held)
    residents[target] = { tokens: tokensOf(job), held: job.held, adapter: job.adapter }
    reading = job
  }

  /** Moves what a row holds to another; what was there is lost. */
  function move(from: number, to: number, held: number): void {
    if (from === to) return
    runner.copy(from, to, held)
    residents[to] = residents[from]!
    residents[from] = { ...EMPTY }
  }

  function leave(row: number): void {
    const last = active.length - 1
    move(last, row, active[last]!.held)
    active[row] = active[last]!
    active.pop()
    if (reading !== null) move(last + 1, last, reading.held)
  }

  function sweep(): void {
    for (let row = active.length - 1; row >= 0; row--) {
      const job = active[row]!
      if (!job.signal.aborted) continue
      leave(row)
      job.reject(toVillageError(job.signal.reason))
    }
    if (reading?.signal.aborted === true) {
      reading.reject(toVillageError(reading.signal.reason))
      reading = null
    }
    for (let at = waiting.length - 1; at >= 0; at--)
      if (waiting[at]!.signal.aborted) {
        const [job] = waiting.splice(at, 1)
        job!.reject(toVillageError(job!.signal.reason))
      }
  }

  /** Hands logits to a sequence. Returns whether it goes on. */
  async function advance(job: Job, logits: Float32Array): Promise<boolean> {
    try {
      if ((await job.sequence.next(logits)) === null) return true
      job.resolve(job.cachedTokens)
    } catch (error) {
      job.reject(error)
    }
    return false
  }

  /** Reads a piece of the prompt, and returns how many tokens that was. */
  async function read(job: Job): Promise<number> {
    const total = job.sequence.promptTokens
    const from = job.held
    const end = Math.min(total, from + CHUNK_TOKENS)
    const row = active.length
    let goesOn = true
    await runner.extend({
      row,
      tokens: tokensOf(job).slice(0, end),
      from,
      firstLogit: total - 1,
      adapter: job.adapter,
      signal: NEVER,
      async visit(_, logits) {
        goesOn = await advance(job, logits)
      },
    })
    job.held = end
    residents[row]!.held = end
    if (end === total) {
      reading = null
      if (goesOn) active.push(job)
    }
    return end - from
  }

  async function step(): Promise<void> {
    const rows = active.length
    const logits = await runner.step(
      active.map((job) => tokensOf(job)[job.held]!),
      active.map((job) => job.held),
      active[0]!.adapter,
    )
    const vocabulary = logits.length / rows
    const ended: number[] = []
    for (const [row, job] of active.entries()) {
      job.held += 1
      residents[row]!.held = job.held
      if (!(await advance(job, logits.subarray(row * vocabulary, (row + 1) * vocabulary)))) ended.push(row)
    }
    // From behind: a row that moves up is one that was looked at already.
    for (const row of ended.reverse()) leave(row)
  }

  async function loop(): Promise<void> {
    running = true
    try {
      for (;;) {
        sweep()
        for (let budget = CHUNK_TOKENS; budget > 0; ) {
          admit()
          if (reading === null) break
          budget -= await read(reading)
        }
        if (active.length > 0) await step()
        else if (reading === null && waiting.length === 0) return
      }
    } catch (error) {
      // What the runner holds is in doubt: nobody goes on with it.
      for (const job of [...active.splice(0), ...(reading === null ? [] : [reading])]) job.reject(error)
      reading = null
      forget()
    } finally {
      running = false
      if (waiting.length > 0) void loop()
    }
  }

  return {
    get size() {
      return waiting.length + active.length + (reading === null ? 0 : 1)
    },
    forget() {
      if (!running && waiting.length === 0) forget()
    },
    run(sequence, adapter, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      waiting.push({ sequence, adapter, signal, cachedTokens: 0, held: 0, resolve, reject })
      if (!running) void loop()
      return promise
    },
  }
}
