/** The limits of scheduling and of trust, read from the configuration whenever they are needed: it may change while jobs run. */
import type { Config } from '../../config.ts'
import type { SchedulerLimits } from './scheduler-state.ts'

type JobsConfig = Pick<Config, 'jobs.leaseMs' | 'jobs.hedgeFactor' | 'jobs.replication' | 'jobs.trustAfter'>

const MAX_HOLD_FACTOR = 40
const MAX_PEER_FAILURES = 3
const MIN_HEDGE_MS = 1_000

export function schedulerLimits(config: JobsConfig): SchedulerLimits {
  return {
    get leaseMs() {
      return config['jobs.leaseMs']
    },
    maxHoldFactor: MAX_HOLD_FACTOR,
    get hedgeFactor() {
      return config['jobs.hedgeFactor']
    },
    minHedgeMs: MIN_HEDGE_MS,
    get replication() {
      return config['jobs.replication']
    },
    maxPeerFailures: MAX_PEER_FAILURES,
  }
}

export function trustRules(config: JobsConfig): {
  readonly trustAfter: number
  readonly replication: number
} {
  return {
    get trustAfter() {
      return config['jobs.trustAfter']
    },
    get replication() {
      return config['jobs.replication']
    },
  }
}
