/** Metrics of knowledge: collections, indexing, searches, and what this node holds for others. */
import { type MetricRow, single, tally } from './metric.ts'

export const KNOWLEDGE_METRICS: readonly MetricRow[] = [
  single(
    'gauge',
    'village_collections',
    'Collections of this node.',
    ({ collections }) => collections.stats().collections,
  ),
  {
    type: 'gauge',
    name: 'village_index_active_runs',
    help: 'Runs of indexing that wait or go on.',
    labels: ['state'],
    read: ({ collections }) =>
      tally(
        'state',
        collections
          .runs()
          .flatMap(({ state }) => (state === 'waiting' || state === 'running' ? [state] : [])),
        ['waiting', 'running'],
      ),
  },
  single(
    'counter',
    'village_index_runs_total',
    'Runs of indexing that have ended.',
    ({ collections }) => collections.stats().runs,
  ),
  single(
    'counter',
    'village_index_failed_runs_total',
    'Runs of indexing that have failed.',
    ({ collections }) => collections.stats().failedRuns,
  ),
  single(
    'counter',
    'village_indexed_documents_total',
    'Documents indexed, new or changed.',
    ({ collections }) => collections.stats().documents,
  ),
  single(
    'counter',
    'village_indexed_chunks_total',
    'Passages indexed.',
    ({ collections }) => collections.stats().chunks,
  ),
  single(
    'counter',
    'village_index_seconds_total',
    'Time that runs of indexing took.',
    ({ collections }) => collections.stats().seconds,
  ),
  {
    type: 'histogram',
    name: 'village_search_duration_seconds',
    help: 'Searches that this node made, by where: over its own collections alone, or over the village’s.',
    labels: ['where', 'result'],
    read: ({ knowledge }) => knowledge.stats().searchSeconds,
  },
  single(
    'counter',
    'village_search_peers_asked_total',
    'Members that searches of this node asked.',
    ({ knowledge }) => knowledge.stats().peersAsked,
  ),
  single(
    'counter',
    'village_search_incomplete_total',
    'Searches of this node that ended without an answer for some segment.',
    ({ knowledge }) => knowledge.stats().incomplete,
  ),
  {
    type: 'counter',
    name: 'village_search_requests_total',
    help: 'Requests of other members to search segments that lie here, by what came of them.',
    labels: ['result'],
    read: ({ knowledge }) => {
      const { requestsServed, requestsRefused } = knowledge.stats()
      return [
        { labels: { result: 'served' }, value: requestsServed },
        { labels: { result: 'refused' }, value: requestsRefused },
      ]
    },
  },
  single(
    'gauge',
    'village_segments',
    'Segments of the village’s collections that this node knows of.',
    ({ knowledge }) => knowledge.stats().segments,
  ),
  single(
    'gauge',
    'village_sketches',
    'Segments whose sketch is here, so that searches can choose them.',
    ({ knowledge }) => knowledge.stats().sketches,
  ),
  single(
    'gauge',
    'village_replicas',
    'Segments of others that this node holds.',
    ({ knowledge }) => knowledge.stats().replicas,
  ),
  single(
    'gauge',
    'village_replica_bytes',
    'Bytes of segments of others that this node holds.',
    ({ knowledge }) => knowledge.stats().replicaBytes,
  ),
]
