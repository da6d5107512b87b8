/** What is kept of this node's resources over time: one row a column. The API, the CLI and the metrics read the rows. */

export interface ColumnRow {
  readonly name: string
  readonly unit: 'cores' | 'share' | 'bytes' | 'ms' | '°C' | 'bytes/s' | 'yes or no'
  readonly doc: string
  /** How twelve samples become one point of the long history: what matters of a delay or of heat is its peak. */
  readonly merge: 'mean' | 'max' | 'last'
}

const COLUMN_ROWS = [
  {
    name: 'cpuCores',
    unit: 'cores',
    merge: 'mean',
    doc: 'Processor time of the daemon, its threads and the processes that it started; 1 is one core, fully used.',
  },
  { name: 'machineCpuShare', unit: 'share', merge: 'mean', doc: 'How busy all cores of the machine were.' },
  { name: 'rssBytes', unit: 'bytes', merge: 'max', doc: 'Resident memory of the daemon.' },
  { name: 'heapBytes', unit: 'bytes', merge: 'max', doc: 'JavaScript objects of its main thread.' },
  {
    name: 'childrenBytes',
    unit: 'bytes',
    merge: 'max',
    doc: 'Memory of the processes that the daemon started; shared pages count by share (Linux).',
  },
  {
    name: 'freeMemoryBytes',
    unit: 'bytes',
    merge: 'mean',
    doc: 'What may still be taken: of the machine, or of the cap that the daemon runs under.',
  },
  { name: 'loopDelayMs', unit: 'ms', merge: 'max', doc: 'How late timers of the main thread ran, p99.' },
  { name: 'temperatureCelsius', unit: '°C', merge: 'max', doc: 'The hottest sensor of the processor.' },
  { name: 'batteryShare', unit: 'share', merge: 'last', doc: 'What is left in the battery.' },
  { name: 'onBattery', unit: 'yes or no', merge: 'max', doc: '1 on battery, 0 on mains.' },
  {
    name: 'meshReceivedBytesPerSecond',
    unit: 'bytes/s',
    merge: 'mean',
    doc: 'Everything received on connections to members.',
  },
  {
    name: 'meshSentBytesPerSecond',
    unit: 'bytes/s',
    merge: 'mean',
    doc: 'Everything sent on connections to members.',
  },
  {
    name: 'artifactReceivedBytesPerSecond',
    unit: 'bytes/s',
    merge: 'mean',
    doc: 'Of that, contents of artifacts received.',
  },
  {
    name: 'artifactSentBytesPerSecond',
    unit: 'bytes/s',
    merge: 'mean',
    doc: 'Of that, contents of artifacts sent.',
  },
  { name: 'diskUsedBytes', unit: 'bytes', merge: 'last', doc: 'The data directory.' },
  { name: 'diskFreeBytes', unit: 'bytes', merge: 'last', doc: 'Free on the disk of the data directory.' },
] as const satisfies readonly ColumnRow[]

export type ColumnName = (typeof COLUMN_ROWS)[number]['name']
export const COLUMNS: readonly (ColumnRow & { readonly name: ColumnName })[] = COLUMN_ROWS

/** One reading; null where there is no sensor, or nothing to compare with yet. */
export type Sample = Readonly<Record<ColumnName, number | null>>
