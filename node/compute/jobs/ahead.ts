/**
 * Work on the results of a stage while other tasks of it are still open, so that less is left for the owner alone when all are
 * done. Nothing rests on it: what was not made ahead is made when it is needed, and what was goes with the step that it was
 * made for. A failure is not one of the job: the step itself meets it again, if it lasts.
 */
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'

/** `T` is a result as it was accepted: one that is computed again is another, and nothing was made of that. */
export interface Ahead<T extends object> {
  offer(result: T): void
  /** What was made of a result; null where nothing was. */
  of(result: T): JsonObject | null
  /** Gives up what waits; afterwards nothing is being made any more. */
  rest(): Promise<void>
  /** The same, and removes what was made. */
  clear(): Promise<void>
}

interface Init<T> {
  readonly job: string
  /** Of this job alone: directories of its steps begin so, made when they are needed. */
  readonly directory: string
  /** Files go to `file`, or what begins with it. */
  readonly make: (result: T, file: string) => Promise<JsonObject | null>
  /** Of the job: what fails after it was aborted is not told. */
  readonly signal: AbortSignal
}

/** Enough that results do not wait one by one for a thread that is busy for long, and few in memory. */
const AT_ONCE = 4

export function createAhead<T extends object>({ log }: { log: Log }, init: Init<T>): Ahead<T> {
  const { job, make, signal } = init
  /** What belongs to one step: a result of the next may come while the files of the last are being removed. */
  const begin = (number: number) => ({
    number,
    directory: `${init.directory}-${number}`,
    made: new WeakMap<T, JsonObject>(),
    /** Made with the first file. */
    there: null as Promise<unknown> | null,
    files: 0,
  })
  let step = begin(0)
  let waiting: T[] = []
  const running = new Set<Promise<void>>()
  let hasFailed = false

  async function work(result: T): Promise<void> {
    const { directory, made } = step
    const file = path.join(directory, String(step.files++))
    try {
      step.there ??= mkdir(directory, { recursive: true })
      await step.there
      const value = await make(result, file)
      if (value !== null) made.set(result, value)
    } catch (error) {
      waiting = []
      if (signal.aborted) return
      if (!hasFailed) log.warn({ err: error, job }, 'nothing more is made ahead for the job')
      hasFailed = true
    }
  }

  function pump(): void {
    while (running.size < AT_ONCE && waiting.length > 0) {
      const one: Promise<void> = work(waiting.shift()!).then(() => {
        running.delete(one)
        pump()
      })
      running.add(one)
    }
  }

  async function rest(): Promise<void> {
    waiting = []
    await Promise.all(running)
  }

  return {
    offer(result) {
      if (hasFailed || signal.aborted) return
      waiting.push(result)
      pump()
    },
    of: (result) => step.made.get(result) ?? null,
    rest,
    async clear() {
      const { number, directory } = step
      step = begin(number + 1)
      await rest()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
