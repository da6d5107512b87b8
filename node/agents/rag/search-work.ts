/**
 * Work in steps: what takes long is a generator that stops where others may have the thread, or where it may be called off. Between
 * two steps anything else can run on the thread, so nothing that others write to may be needed across a `yield`.
 */
import { VillageError } from '../../errors.ts'

export type Steps<T> = Generator<void, T, void>

/** Without a pause. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Units between two pauses: about half a millisecond. */
const PAUSE_UNITS = 131_072
/** A seek in a list costs about as much as reading this many postings. */
export const SEEK_UNITS = 8

/** Units of work: a posting or a position that is read, about 4 ns. What else is done is counted as so many of them. */
export class SearchWork {
  readonly #limit: number
  readonly #pauseUnits: number
  #done = 0
  #nextPause: number

  constructor(limit = Number.POSITIVE_INFINITY, pauseUnits = PAUSE_UNITS) {
    this.#limit = limit
    this.#pauseUnits = pauseUnits
    this.#nextPause = pauseUnits
  }

  get done(): number {
    return this.#done
  }

  /** Whether it is time for a `yield`. Throws SEARCH_TOO_COSTLY behind the limit. */
  spend(units: number): boolean {
    this.#done += units
    if (this.#done > this.#limit)
      throw new VillageError('SEARCH_TOO_COSTLY', undefined, { fields: { limit: this.#limit } })
    if (this.#done < this.#nextPause) return false
    this.#nextPause = this.#done + this.#pauseUnits
    return true
  }
}
