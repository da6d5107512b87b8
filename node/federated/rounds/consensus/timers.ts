/** How long a member waits in each step, and until it says again what it has said. */
import type { Step } from '../../ledger/vote.ts'
import type { ConsensusEffect, ConsensusTiming } from './effects.ts'

export interface HeightTimers {
  /** Starts the timer of a step; nothing where it was started in this view. */
  step(view: number, step: Step): ConsensusEffect[]
  /** Starts the next wait for sending again, each twice as long as the one before in the same view; nothing while one runs. */
  resend(view: number): ConsensusEffect[]
  /** The wait for sending again is over. */
  resent(): void
}

export function createHeightTimers(init: {
  readonly height: number
  readonly startView: number
  readonly timing: ConsensusTiming
}): HeightTimers {
  const { height, startView, timing } = init
  const firstMs = { propose: timing.proposeMs, prevote: timing.prevoteMs, precommit: timing.precommitMs }
  const started = new Set<string>()
  let resending = { view: -1, count: 0, isWaiting: false }

  return {
    step(view, step) {
      const name = `${view} ${step}`
      if (started.has(name)) return []
      started.add(name)
      const delayMs = Math.min(timing.maxMs, firstMs[step] + timing.growthMs * (view - startView))
      return [{ type: 'timer', timer: { height, view, step }, delayMs }]
    },
    resend(view) {
      if (resending.view !== view) resending = { view, count: 0, isWaiting: false }
      if (resending.isWaiting) return []
      resending.isWaiting = true
      const delayMs = Math.min(timing.maxMs, timing.resendMs * 2 ** Math.min(resending.count, 16))
      return [{ type: 'timer', timer: { height, view, step: 'resend' }, delayMs }]
    },
    resent() {
      resending = { ...resending, count: resending.count + 1, isWaiting: false }
    },
  }
}
