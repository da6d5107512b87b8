/** The parts of a run that the command line shows (GET /api/v1/runs/RUN), and how a person names one. */
import type { Client } from '../client.ts'
import { pickId } from './pick.ts'

export interface RunView {
  readonly run: string
  readonly name: string
  readonly announcer: string
  readonly workload: string
  readonly strategy: string
  readonly phase: string
  readonly isPaused: boolean
  readonly generation: number
  readonly generations: number
  readonly split: string | null
  readonly height: number
  readonly tip: string
  readonly announcedAtMs: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly deadlineMs: number | null
  readonly takesPart: boolean
  readonly coordinator: string | null
  readonly participants: readonly {
    readonly peer: string
    readonly gone: string | null
    readonly isVoter: boolean
    readonly believed: number
    readonly doubted: number
    readonly joules: number
    readonly busyMs: number
  }[]
  readonly owed: Readonly<Record<string, number>>
  readonly slots: readonly {
    readonly id: string
    readonly by: string
    readonly same: string | null
    readonly scorers: number
    readonly committed: number
    readonly revealed: number
  }[]
  readonly evaluations: number
  readonly joules: number
  readonly best: { readonly id: string; readonly mean: number } | null
  readonly stopReason: string | null
  readonly endReason: string | null
  readonly lies: readonly { readonly peer: string; readonly kind: string; readonly generation: number }[]
  readonly result: { readonly id: string; readonly cid: string | null } | null
  readonly traffic: Readonly<Record<string, { readonly inBytes: number; readonly outBytes: number }>>
}

export const isOver = ({ phase }: Pick<RunView, 'phase'>): boolean =>
  phase === 'published' || phase === 'ended'

export const allRuns = async (client: Client): Promise<readonly RunView[]> =>
  (await client.get<{ runs: readonly RunView[] }>('/api/v1/runs')).runs

export async function pickRun(client: Client, given: string): Promise<string> {
  const runs = await allRuns(client)
  return pickId(
    runs.map(({ run }) => run),
    given,
    'run',
    'start',
    'RUN_UNKNOWN',
  )
}

export const readRun = async (client: Client, run: string): Promise<RunView> =>
  (await client.get<{ run: RunView }>(`/api/v1/runs/${run}`)).run

/** `generation 3 of 20, scoring`: of a running one; of another how it ended. */
export function stateText(view: RunView): string {
  if (view.phase === 'published') return 'published'
  if (view.phase === 'ended') return `ended: ${(view.endReason ?? 'unknown').replaceAll('-', ' ')}`
  const phase = view.isPaused ? 'paused' : (PHASES[view.phase] ?? view.phase)
  return view.split === 'validation' || view.split === 'final' ? `${view.split} check, ${phase}` : phase
}

const PHASES: Readonly<Record<string, string>> = {
  announced: 'waiting for members',
  commit: 'scoring',
  reveal: 'showing scores',
  merging: 'building the winner',
}
