/** Metrics of the daemon itself: its build, its event loop, its API and its threads. */
import { type MetricRow, single } from './metric.ts'

export const NODE_METRICS: readonly MetricRow[] = [
  {
    type: 'gauge',
    name: 'village_build_info',
    help: 'Always 1; the labels say the version, and whether native kernels run.',
    labels: ['version', 'native', 'simd'],
    read: ({ version, kernels }) => [
      { labels: { version, native: String(kernels.native), simd: kernels.simd }, value: 1 },
    ],
  },
  {
    type: 'summary',
    name: 'village_event_loop_delay_seconds',
    help: 'How late timers of the main thread ran since the last scrape; 0 is on time.',
    labels: [],
    read: ({ loopDelay }) => loopDelay.read(),
  },
  {
    type: 'counter',
    name: 'village_http_requests_total',
    help: 'Requests answered, by route and status.',
    labels: ['route', 'status'],
    read: ({ http }) => http.requests().map(({ count, ...labels }) => ({ labels, value: count })),
  },
  {
    type: 'histogram',
    name: 'village_http_request_duration_seconds',
    help: 'From the first byte of a request to the end of its answer; a stream of events lasts as long as its client.',
    labels: ['method', 'route'],
    read: ({ http }) => http.seconds(),
  },
  single('gauge', 'village_event_followers', 'Clients that follow the events.', ({ followers }) =>
    followers.count(),
  ),
  single(
    'counter',
    'village_log_lost_lines_total',
    'Lines that the log file did not take: a full disk, or a file that may no longer be written.',
    ({ logLoss }) => logLoss.lines(),
  ),
  single('gauge', 'village_pool_threads', 'Worker threads.', ({ pool }) => pool.stats().threads),
  single('gauge', 'village_pool_busy', 'Worker threads at work.', ({ pool }) => pool.stats().busy),
  single(
    'gauge',
    'village_pool_queued',
    'Operations waiting for a worker thread.',
    ({ pool }) => pool.stats().queued,
  ),
]
