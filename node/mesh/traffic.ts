/** What came in over the mesh since the start, and what is open: for the metrics. */
import type { HistogramReading } from '../histogram.ts'
import type { Streams } from './streams.ts'
import type { Topics } from './topics.ts'

export interface MeshTraffic {
  readonly gossip: ReturnType<Topics['totals']>['judged']
  readonly gossipSeconds: HistogramReading
  readonly streams: ReturnType<Streams['totals']>['ended']
  readonly streamSeconds: HistogramReading
  readonly openStreams: ReturnType<Streams['counts']>
}

export function describeTraffic(components: {
  readonly topics: Pick<Topics, 'totals'>
  readonly streams: Pick<Streams, 'totals' | 'counts'>
}): MeshTraffic {
  const { judged, seconds: gossipSeconds } = components.topics.totals()
  const { ended, seconds: streamSeconds } = components.streams.totals()
  return {
    gossip: judged,
    gossipSeconds,
    streams: ended,
    streamSeconds,
    openStreams: components.streams.counts(),
  }
}
