/** What the metrics read: the services, and what the server itself counts. */
import type { ApiComponents, Followers } from '../components.ts'
import type { HttpCounts } from './http-counts.ts'
import type { LoopDelay } from './loop-delay.ts'

export interface MetricsComponents
  extends Pick<
    ApiComponents,
    | 'mesh'
    | 'jobs'
    | 'artifacts'
    | 'pool'
    | 'models'
    | 'rounds'
    | 'collections'
    | 'knowledge'
    | 'generation'
    | 'resources'
    | 'monitor'
    | 'kernels'
    | 'agents'
    | 'logLoss'
  > {
  readonly followers: Pick<Followers, 'count'>
  readonly http: Pick<HttpCounts, 'requests' | 'seconds'>
  readonly loopDelay: Pick<LoopDelay, 'read'>
  readonly version: string
}
