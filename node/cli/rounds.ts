/** `village rounds list|show` */
import type { CommandContext, CommandResult } from './command.ts'
import { bytes, counted, duration, facts, short, table, time } from './format.ts'
import { allRuns, isOver, pickRun, type RunView, readRun, stateText } from './run-view.ts'

const mean = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(4))
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

export async function list(context: CommandContext): Promise<CommandResult> {
  const runs = await allRuns(await context.client())
  return {
    document: { runs },
    text:
      runs.length === 0
        ? 'No runs yet: village evolve CONFIG announces one.'
        : table(
            ['RUN', 'NAME', 'WHAT', 'STATE', 'GEN', 'BEST', 'MEMBERS'],
            runs.map((view) => [
              view.run.slice(0, 12),
              view.name,
              view.workload,
              stateText(view),
              `${Math.min(view.generation, view.generations)}/${view.generations}`,
              mean(view.best?.mean),
              String(view.participants.filter(({ gone }) => gone === null).length),
            ]),
            { whole: [0] },
          ),
  }
}

/** What the run waits for, and until when. */
function waitsFor(view: RunView): string {
  const owed = Object.entries(view.owed)
  if (isOver(view)) return '-'
  if (view.isPaused) return 'someone who resumes it'
  if (view.phase === 'announced') return 'members'
  const until =
    view.deadlineMs === null ? '' : `, until ${new Date(view.deadlineMs).toISOString().slice(11, 19)}`
  const names = owed.map(([peer, slots]) =>
    slots > 0 ? `${short(peer)} (${counted(slots, 'slot')})` : short(peer),
  )
  return owed.length === 0 ? 'a block' : `${names.join(', ')}${until}`
}

export function runText(view: RunView): string {
  const traffic = Object.values(view.traffic)
  const rows: [string, string][] = [
    ['Run', view.run],
    ['Name', view.name],
    ['State', stateText(view)],
    ['Workload', `${view.workload}, ${view.strategy}`],
    ['Announced', `${time(view.announcedAtMs)} by ${short(view.announcer)}`],
    ['Generations', `${Math.min(view.generation, view.generations)} done of at most ${view.generations}`],
    ['Waits for', waitsFor(view)],
    ['Coordinator', view.coordinator === null ? '-' : short(view.coordinator)],
    ['Ledger', `${counted(view.height, 'block')}, tip ${view.tip.slice(0, 16)}`],
    ['Candidates', `${counted(view.evaluations, 'candidate')} scored, ${Math.round(view.joules)} J`],
    ['Best', view.best === null ? '-' : `${mean(view.best.mean)}, candidate ${view.best.id}`],
    [
      'Traffic',
      `${bytes(sum(traffic.map(({ inBytes }) => inBytes)))} in, ${bytes(sum(traffic.map(({ outBytes }) => outBytes)))} out`,
    ],
  ]
  if (view.startedAtMs !== null && view.endedAtMs !== null)
    rows.push(['Took', duration(view.endedAtMs - view.startedAtMs)])
  if (view.result !== null)
    rows.push(['Winner', `${view.result.id}${view.result.cid === null ? '' : `, ${view.result.cid}`}`])
  for (const { peer, kind, generation } of view.lies)
    rows.push([
      'Lie',
      `${peer}: ${kind === 'scores' ? 'false scores' : 'two votes'} in generation ${generation}`,
    ])
  const members = table(
    ['MEMBER', 'STATE', 'VOTES', 'SCORED', 'DOUBTED', 'WORK', 'IN', 'OUT'],
    view.participants.map(({ peer, gone, isVoter, believed, doubted, busyMs }) => [
      short(peer),
      gone ?? 'here',
      isVoter ? 'yes' : 'no',
      String(believed),
      String(doubted),
      duration(busyMs),
      bytes(view.traffic[peer]?.inBytes ?? 0),
      bytes(view.traffic[peer]?.outBytes ?? 0),
    ]),
  )
  const slots = table(
    ['CANDIDATE', 'BY', 'SCORERS', 'COMMITTED', 'REVEALED'],
    view.slots.map(({ id, by, same, scorers, committed, revealed }) =>
      same === null
        ? [id, by, String(scorers), String(committed), String(revealed)]
        : [id, by, `as ${same}`, '-', '-'],
    ),
  )
  return [
    facts(rows),
    ...(view.participants.length > 0 ? [members] : []),
    ...(view.slots.length > 0 ? [slots] : []),
  ].join('\n\n')
}

export async function show(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const view = await readRun(client, await pickRun(client, context.args[0] ?? ''))
  return { document: view, text: runText(view) }
}
