/** What a verification has machines do: index and ask, compress over all of them; each step says that it held. */
import type { Machine } from './verify-machine.ts'

const NOTES = {
  'well.md':
    '# The well\n\nThe village well is 34 metres deep. It was dug in 1911 by the Moreau family.\n\n## Pump\n\nThe pump is serviced every spring by Ilse.\n',
  'mill.md':
    '# The mill\n\nThe old mill grinds rye on Thursdays. Its stone was replaced in 2009 and came from Brittany.\n',
}
const QUESTION = 'How deep is the village well?'
const ANSWER = '34 metres'
/** A fast machine may do a small job before the others have asked for work. */
const MAX_JOBS = 4

const startedAt = performance.now()
export const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`
export const said = (text: string) => console.log(`verify: ok  ${text} (${seconds()})`)

export function need(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

export const json = <T>(machine: Machine, ...command: string[]) =>
  JSON.parse(machine.run('village', ...command, '--json')) as T

export function indexAndAsk(machine: Machine): void {
  for (const [name, text] of Object.entries(NOTES)) machine.write(`notes/${name}`, text)
  machine.run('village', 'index', 'notes', '--collection', 'notes')
  const answer = json<object>(machine, 'ask', QUESTION, '--collection', 'notes')
  const text = JSON.stringify(answer)
  need(text.includes(ANSWER) && text.includes('well.md'), `the answer is not there, or not cited: ${text}`)
  said(`${machine.name}: indexed a folder; "${QUESTION}" answered with its source`)
}

interface Job {
  readonly kind: string
  readonly createdAtMs: number
  readonly state: string
  readonly shares: Readonly<Record<string, { readonly tasks: number }>>
}

/** Compresses the embedded encoder (`how`: options of the command) until `peers` machines have had a part in one job. */
export function compress(machine: Machine, init: { how: string; peers: number }): void {
  const { how, peers } = init
  machine.run('village', 'model', 'add', '--embedded', 'encoder')
  for (let round = 1; round <= MAX_JOBS; round += 1) {
    machine.run('village', 'compress', 'encoder', ...how.split(' '), '--keep', '0', '--wait')
    const { jobs } = json<{ jobs: readonly Job[] }>(machine, 'jobs')
    const ours = jobs.filter(({ kind }) => kind === 'compress')
    const [job] = ours.sort((one, other) => other.createdAtMs - one.createdAtMs)
    if (job?.state !== 'done') throw new Error(`the job ended as ${job?.state}`)
    const tasks = Object.values(job.shares).map((share) => share.tasks)
    if (tasks.filter((count) => count > 0).length < peers) continue
    said(`the encoder compressed with ${how} (${tasks.join(' and ')} tasks by machine)`)
    return
  }
  throw new Error(`fewer than ${peers} machines had a part in each of ${MAX_JOBS} jobs`)
}

/** In a child that ends with what it said: what verify.ts starts in namespaces of its own. */
export async function verification(what: string, main: () => Promise<void>): Promise<never> {
  try {
    await main()
    console.log(`verify: ${what} holds (${seconds()})`)
    // The processes of this namespace end with this one.
    process.exit(0)
  } catch (error) {
    console.error(`verify: FAILED  ${(error as Error).message}`)
    process.exit(1)
  }
}
