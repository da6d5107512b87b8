/** Metrics of the mesh: who is connected, what is gossiped, which streams are served, what moves. */
import { type MetricRow, single, tally } from './metric.ts'

export const MESH_METRICS: readonly MetricRow[] = [
  {
    type: 'gauge',
    name: 'village_peers',
    help: 'Connected members by role.',
    labels: ['role'],
    read: ({ mesh }) =>
      tally(
        'role',
        mesh.peers().map((peer) => peer.role),
        ['admin', 'member', 'edge', 'guest'],
      ),
  },
  single(
    'gauge',
    'village_members',
    'Members of the village that this node knows of, itself included; 0 without a village.',
    ({ mesh }) => mesh.village()?.members ?? 0,
  ),
  {
    type: 'counter',
    name: 'village_gossip_messages_total',
    help: 'Gossiped messages that came in, by topic and by what was decided of them.',
    labels: ['topic', 'result'],
    read: ({ mesh }) => mesh.traffic().gossip.map(({ count, ...labels }) => ({ labels, value: count })),
  },
  {
    type: 'histogram',
    name: 'village_gossip_validation_duration_seconds',
    help: 'What it took to decide of a gossiped message, by topic.',
    labels: ['topic'],
    read: ({ mesh }) => mesh.traffic().gossipSeconds,
  },
  {
    type: 'counter',
    name: 'village_streams_total',
    help: 'Streams that peers opened, by protocol and by how they ended.',
    labels: ['protocol', 'result'],
    read: ({ mesh }) => mesh.traffic().streams.map(({ count, ...labels }) => ({ labels, value: count })),
  },
  {
    type: 'gauge',
    name: 'village_streams_open',
    help: 'Streams of peers that are served now, by protocol.',
    labels: ['protocol'],
    read: ({ mesh }) =>
      mesh.traffic().openStreams.map(({ protocol, open }) => ({ labels: { protocol }, value: open })),
  },
  {
    type: 'histogram',
    name: 'village_stream_duration_seconds',
    help: 'How long streams of peers were served, by protocol.',
    labels: ['protocol'],
    read: ({ mesh }) => mesh.traffic().streamSeconds,
  },
  single(
    'gauge',
    'village_artifact_blocks',
    'Blocks in the artifact store.',
    ({ artifacts }) => artifacts.usage().blocks,
  ),
  single(
    'gauge',
    'village_artifact_bytes',
    'Bytes in the artifact store.',
    ({ artifacts }) => artifacts.usage().sizeBytes,
  ),
  single(
    'gauge',
    'village_artifact_max_bytes',
    'The disk share of the artifact store.',
    ({ artifacts }) => artifacts.usage().maxBytes,
  ),
  single(
    'counter',
    'village_artifact_sent_bytes_total',
    'Artifact bytes sent to peers.',
    ({ artifacts }) => artifacts.usage().sentBytes,
  ),
  single(
    'counter',
    'village_artifact_received_bytes_total',
    'Artifact bytes received from peers.',
    ({ artifacts }) => artifacts.usage().receivedBytes,
  ),
]
