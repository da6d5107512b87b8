/**
 * The sign of grokking: a model that has learned its training data by heart, and whose loss hardly falls any more, begins to
 * represent them with fewer dimensions. Power et al. (arXiv 2201.02177) found the late generalisation, Liu et al. ("Omnigrok",
 * arXiv 2210.01117; arXiv 2205.10343) the simpler representation that comes with it. What is looked at here is a fall of the
 * intrinsic dimension of the last hidden states on held-out data.
 *
 * At a look i, over the last WINDOW looks:
 *   slow     the training loss fell by less than SLOW of all that it has fallen so far (and it has fallen at all);
 *   falling  the dimension, each the median of three looks, fell by at least FALL of its value at the beginning of the window,
 *            and by more than twice the standard error of a difference.
 * The sign is given when both hold at CONFIRMED looks in a row. It is given again only after the dimension has won back REARM of
 * what it lost, or training went faster than twice SLOW: one fall is one sign, however long it takes and however it wavers.
 */

export interface GrokkingLook {
  readonly step: number
  /** Mean training loss since the look before. */
  readonly loss: number
  /** Null where too few points were there to tell. */
  readonly dimension: number | null
  readonly standardError: number | null
}

export interface GrokkingSign {
  /** Of the look that settled it. */
  readonly step: number
  readonly dimensionBefore: number
  readonly dimension: number
}

const WINDOW = 4
const CONFIRMED = 2
const SLOW = 0.05
const FALL = 0.1
const REARM = 0.5

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!

interface Told extends GrokkingLook {
  readonly dimension: number
  readonly standardError: number
}

/** All signs of a series, in its order. A pure function: the last sign is new where its step is that of the last look. */
export function detectGrokking(series: readonly GrokkingLook[]): GrokkingSign[] {
  const looks = series.filter((look): look is Told => look.dimension !== null && look.standardError !== null)
  const smooth = looks.map((_, at) =>
    median(looks.slice(Math.max(0, at - 2), at + 1).map(({ dimension }) => dimension)),
  )
  const signs: GrokkingSign[] = []
  let lowest = Number.POSITIVE_INFINITY
  let highest = 0
  let isArmed = true
  let inARow = 0
  for (let at = WINDOW; at < looks.length; at++) {
    const now = looks[at]!
    const losses = looks.slice(0, at + 1).map(({ loss }) => loss)
    const fallen = losses[0]! - Math.min(...losses)
    const lately = losses[at - WINDOW]! - losses[at]!
    const from = smooth[at - WINDOW]!
    const fall = from - smooth[at]!
    const error = Math.hypot(now.standardError, looks[at - WINDOW]!.standardError)
    const isSlow = fallen > 0 && lately < SLOW * fallen
    const isFalling = fall >= FALL * from && fall > 2 * error
    inARow = isSlow && isFalling ? inARow + 1 : 0
    if (!isArmed) {
      lowest = Math.min(lowest, smooth[at]!)
      isArmed = smooth[at]! > lowest + REARM * (highest - lowest) || lately > 2 * SLOW * fallen
    }
    if (isArmed && inARow >= CONFIRMED) {
      signs.push({ step: now.step, dimensionBefore: from, dimension: smooth[at]! })
      isArmed = false
      lowest = smooth[at]!
      highest = from
    }
  }
  return signs
}
