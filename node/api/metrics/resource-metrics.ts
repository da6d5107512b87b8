/** Metrics of the machine, as the resource governor and the monitor see it. What has no sensor has no sample. */
import type { ColumnName } from '../../compute/monitor/columns.ts'
import type { MetricsComponents } from './components.ts'
import { type MetricRow, type Sample, single } from './metric.ts'

const MAX_PARTS = 32

/** The newest sample of the monitor, which is at most ten seconds old. */
const latest =
  (column: ColumnName) =>
  ({ monitor }: MetricsComponents): readonly Sample[] => {
    const value = monitor.latest()?.[column] ?? null
    return value === null ? [] : [{ value }]
  }

export const RESOURCE_METRICS: readonly MetricRow[] = [
  single('gauge', 'village_accepting', 'Whether this node takes work (1) or pauses (0).', ({ resources }) =>
    Number(resources.snapshot().accepting),
  ),
  single(
    'gauge',
    'village_load_ratio',
    'One-minute load average by core; above 1 the machine is busy.',
    ({ resources }) => resources.snapshot().load,
  ),
  {
    type: 'gauge',
    name: 'village_cpu_cores',
    help: 'Processor time that the daemon, its threads and its children took over ten seconds, in cores.',
    labels: [],
    read: latest('cpuCores'),
  },
  {
    type: 'gauge',
    name: 'village_machine_cpu_ratio',
    help: 'How busy all cores of the machine were over ten seconds.',
    labels: [],
    read: latest('machineCpuShare'),
  },
  {
    type: 'gauge',
    name: 'village_children_memory_bytes',
    help: 'Memory of the processes that the daemon started, shared pages by share.',
    labels: [],
    read: latest('childrenBytes'),
  },
  {
    type: 'gauge',
    name: 'village_free_memory_bytes',
    help: 'Memory that may still be taken, of the machine or of the cap that the daemon runs under.',
    labels: [],
    read: latest('freeMemoryBytes'),
  },
  {
    type: 'gauge',
    name: 'village_temperature_celsius',
    help: 'The hottest sensor of the processor.',
    labels: [],
    read: latest('temperatureCelsius'),
  },
  {
    type: 'gauge',
    name: 'village_battery_ratio',
    help: 'What is left in the battery.',
    labels: [],
    read: latest('batteryShare'),
  },
  {
    type: 'gauge',
    name: 'village_on_battery',
    help: 'Whether the machine runs on its battery (1) or on mains (0).',
    labels: [],
    read: latest('onBattery'),
  },
  {
    type: 'gauge',
    name: 'village_disk_free_bytes',
    help: 'Free on the disk of the data directory.',
    labels: [],
    read: latest('diskFreeBytes'),
  },
  {
    type: 'gauge',
    name: 'village_disk_used_bytes',
    help: 'What the data directory takes, by its parts; measured every ten minutes.',
    labels: ['part'],
    // A part is a folder of the data directory: a few that this program makes.
    read: ({ monitor }) =>
      (monitor.disk()?.parts ?? []).slice(0, MAX_PARTS).map(({ name, sizeBytes }) => ({
        labels: { part: name },
        value: sizeBytes,
      })),
  },
  single(
    'counter',
    'village_mesh_received_bytes_total',
    'Bytes received on connections to members, protocols and handshakes included.',
    ({ mesh }) => mesh.transferred().receivedBytes,
  ),
  single(
    'counter',
    'village_mesh_sent_bytes_total',
    'Bytes sent on connections to members, protocols and handshakes included.',
    ({ mesh }) => mesh.transferred().sentBytes,
  ),
]
