/** All metrics of the village, in the order of the page that describes them. Those of the process itself are prom-client's. */
import { AGENT_METRICS } from './agent-metrics.ts'
import { JOB_METRICS } from './job-metrics.ts'
import { KNOWLEDGE_METRICS } from './knowledge-metrics.ts'
import { MESH_METRICS } from './mesh-metrics.ts'
import type { MetricRow } from './metric.ts'
import { NODE_METRICS } from './node-metrics.ts'
import { RESOURCE_METRICS } from './resource-metrics.ts'

export const METRIC_GROUPS: readonly { readonly title: string; readonly rows: readonly MetricRow[] }[] = [
  { title: 'Node', rows: NODE_METRICS },
  { title: 'Resources', rows: RESOURCE_METRICS },
  { title: 'Mesh', rows: MESH_METRICS },
  { title: 'Jobs, models and runs', rows: JOB_METRICS },
  { title: 'Knowledge', rows: KNOWLEDGE_METRICS },
  { title: 'Agents', rows: AGENT_METRICS },
]

export const METRICS: readonly MetricRow[] = METRIC_GROUPS.flatMap(({ rows }) => rows)
