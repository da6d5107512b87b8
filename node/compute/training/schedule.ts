/**
 * Learning rates by step. All begin with a linear warm-up. `wsd` holds the rate and lets it fall at the end only
 * (warm-up, stable, decay: Hu et al., arXiv 2404.06395), here as 1−√x (Hägele et al., arXiv 2405.18392).
 */
export const SCHEDULES = ['cosine', 'linear', 'constant', 'wsd'] as const
export type ScheduleName = (typeof SCHEDULES)[number]

export interface Schedule {
  readonly name: ScheduleName
  /** The highest rate. */
  readonly learningRate: number
  /** Steps until it is reached. */
  readonly warmupSteps: number
  /** What is left of it at the end, as a share; a constant rate takes no notice of it. */
  readonly finalShare: number
  /** `wsd`: the share of all steps in which the rate falls. */
  readonly decayShare: number
}

type Shape = (at: { step: number; steps: number }, schedule: Schedule) => number

/** The share between the final and the highest rate, for steps after the warm-up. */
const SHAPES: Readonly<Record<ScheduleName, Shape>> = {
  constant: () => 1,
  linear: ({ step, steps }, { warmupSteps }) => 1 - progress(step - warmupSteps, steps - warmupSteps),
  cosine: ({ step, steps }, { warmupSteps }) =>
    (1 + Math.cos(Math.PI * progress(step - warmupSteps, steps - warmupSteps))) / 2,
  wsd({ step, steps }, { warmupSteps, decayShare }) {
    const decaySteps = Math.min(steps - warmupSteps, Math.max(1, Math.round(steps * decayShare)))
    return 1 - Math.sqrt(progress(step - (steps - decaySteps), decaySteps))
  },
}

function progress(step: number, steps: number): number {
  return steps <= 0 ? 1 : Math.min(1, Math.max(0, step / steps))
}

/** The rate of step `step`, counted from 0, of `steps` in all. */
export function learningRateAt(schedule: Schedule, step: number, steps: number): number {
  const { name, learningRate, warmupSteps, finalShare } = schedule
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps
  const share = SHAPES[name]({ step, steps }, schedule)
  return name === 'constant' ? learningRate : learningRate * (finalShare + (1 - finalShare) * share)
}
