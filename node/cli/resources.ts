/** `village resources`: what this node takes of its machine, now and over the last hour. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../client.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { bytes, counted, duration, facts, percent } from './format.ts'
import { sparkline } from './sparkline.ts'

type Column = readonly (number | null)[]

interface ResourcesView {
  readonly limits: { readonly cpuCores: number; readonly memoryBytes: number; readonly diskBytes: number }
  readonly now: {
    readonly accepting: boolean
    readonly reason: string | null
    readonly power: string
    readonly freeMemoryBytes: number
    readonly rssBytes: number
    readonly diskFreeBytes: number
  }
  readonly disk: {
    readonly usedBytes: number
    readonly parts: readonly { readonly name: string; readonly sizeBytes: number }[]
  } | null
}
type ShownColumn =
  | 'cpuCores'
  | 'machineCpuShare'
  | 'rssBytes'
  | 'childrenBytes'
  | 'freeMemoryBytes'
  | 'loopDelayMs'
  | 'temperatureCelsius'
  | 'batteryShare'
  | 'meshReceivedBytesPerSecond'
  | 'meshSentBytesPerSecond'
  | 'diskUsedBytes'
/** Of the columns, those that are shown; --json prints them all. */
type HistoryView = { readonly intervalSeconds: number; readonly at: readonly number[] } & Readonly<
  Partial<Record<ShownColumn, Column>>
>

const SECONDS = 3_600
const WATCH_EVERY_MS = 10_000
const WIDTH = 60
const NARROWEST = 10
/** Name, figure, and the space between them. */
const BESIDE = 40
const SHOWN_PARTS = 5

const rate = (value: number) => `${bytes(value)}/s`
const ROWS: readonly (readonly [name: string, column: ShownColumn, text: (value: number) => string])[] = [
  ['this node', 'cpuCores', (value) => `${value.toFixed(2)} cores`],
  ['machine', 'machineCpuShare', percent],
  ['memory', 'rssBytes', bytes],
  ['children', 'childrenBytes', bytes],
  ['free memory', 'freeMemoryBytes', bytes],
  ['loop delay', 'loopDelayMs', (value) => `${value.toFixed(1)} ms`],
  ['temperature', 'temperatureCelsius', (value) => `${value.toFixed(0)} °C`],
  ['battery', 'batteryShare', percent],
  ['received', 'meshReceivedBytesPerSecond', rate],
  ['sent', 'meshSentBytesPerSecond', rate],
  ['data', 'diskUsedBytes', bytes],
]

/** A row each of what is known: the newest value, and how it went. */
export function historyText(history: HistoryView, width: number): string {
  if (history.at.length === 0) return 'The first figures come ten seconds after the start.'
  return facts(
    ROWS.flatMap(([name, column, text]) => {
      const values = history[column] ?? []
      const latest = values.findLast((value) => value !== null)
      if (latest === undefined || latest === null) return []
      return [[name, `${text(latest).padEnd(14)}${sparkline(values, width)}`] as const]
    }),
  )
}

async function read(client: Client) {
  const [view, history] = await Promise.all([
    client.get<ResourcesView>('/api/v1/resources'),
    client.get<HistoryView>(`/api/v1/resources/history?seconds=${SECONDS}`),
  ])
  return { ...view, history }
}

function screen({ limits, now, disk, history }: Awaited<ReturnType<typeof read>>, columns: number | null) {
  const width = Math.max(NARROWEST, Math.min(WIDTH, (columns ?? BESIDE + WIDTH) - BESIDE))
  const parts = (disk?.parts ?? []).slice(0, SHOWN_PARTS)
  const shown = history.at.length * history.intervalSeconds * 1000
  return [
    facts([
      ['work', now.accepting ? 'takes work' : `paused: ${now.reason}`],
      [
        'lends',
        `${counted(limits.cpuCores, 'core')}, ${bytes(limits.memoryBytes)} of memory, ${bytes(limits.diskBytes)} of disk`,
      ],
      ['power', now.power],
      ['disk', `${bytes(now.diskFreeBytes)} free`],
    ]),
    `\n${shown === 0 ? '' : `the last ${duration(shown)}\n`}${historyText(history, width)}`,
    ...(parts.length === 0
      ? []
      : [`\n${facts(parts.map(({ name, sizeBytes }) => [name, bytes(sizeBytes)]))}`]),
  ].join('\n')
}

const CLEAR = '\u001b[H\u001b[2J'

export async function resources(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  if (context.options.watch !== true) {
    const view = await read(client)
    return { document: view, text: screen(view, context.columns) }
  }
  // Until Ctrl-C: one document a line, or one screen after another.
  for (;;) {
    const view = await read(client)
    const text = context.json ? JSON.stringify(view) : screen(view, context.columns)
    context.write(`${!context.json && context.styled ? CLEAR : ''}${text}\n`)
    await sleep(WATCH_EVERY_MS, undefined, { signal: context.signal })
  }
}
