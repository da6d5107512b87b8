/** `village geometry`. */
import path from 'node:path'
import { Readable } from 'node:stream'
import { text as readAll } from 'node:stream/consumers'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import { refuseExisting, writeOutput } from './artifact-transfer.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { geometryPage, historyPage } from './geometry-page.ts'
import { historyText } from './geometry-text.ts'
import { geometryView, looksOf } from './geometry-view.ts'
import { pickJob } from './jobs.ts'
import { flagOf } from './option-names.ts'
import { submitJob } from './submit-job.ts'
import { type JobView, jobResult } from './wait-job.ts'

const NUMBERS = [
  ['texts', 'texts'],
  ['bootstrap', 'bootstrap'],
  ['barrier', 'barrierPoints'],
  ['seed', 'seed'],
] as const

function numbersOf(context: CommandContext): Record<string, number> {
  const found: Record<string, number> = {}
  for (const [option, parameter] of NUMBERS) {
    const text = optionText(context, option)
    if (text === null) continue
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value))
      throw new VillageError('USAGE', `${flagOf(option)} takes a whole number`)
    found[parameter] = value
  }
  return found
}

/** Where the page goes, before anything is measured for it. */
async function pageFile(context: CommandContext): Promise<string | null> {
  const html = optionText(context, 'html')
  if (html !== null && html !== '-') await refuseExisting(path.resolve(html), context.options.force === true)
  return html
}

async function withPage(
  context: CommandContext,
  result: CommandResult,
  file: string | null,
  html: () => string,
): Promise<CommandResult> {
  if (file === null) return result
  await writeOutput(Readable.from([html()]), file)
  if (file === '-') return { ...result, document: undefined, text: '' }
  context.note(`${path.resolve(file)} is written.`)
  return result
}

/** Names of jobs and runs cannot be mistaken for each other. */
const RUN_ID = /^[0-9a-f]{32}$/

/** The best of each generation is built again for it: that is a job of its own. */
async function showRun(context: CommandContext, run: string): Promise<CommandResult> {
  const file = await pageFile(context)
  const init = { kind: 'geometry-run', title: 'geometry', params: { run } }
  const result = await submitJob(context, init)
  const job = result.document as JobView
  if (context.options.wait !== true || job.state !== 'done') return result
  return showHistory(context, await context.client(), job, file)
}

async function showHistory(
  context: CommandContext,
  client: Client,
  job: JobView,
  file: string | null,
): Promise<CommandResult> {
  const history = job.result?.geometry
  if (typeof history !== 'string')
    throw new VillageError(
      'NOT_FOUND',
      `Job ${job.id} has measured no geometry; train with --geometry to have a history`,
      { fields: { job: job.id } },
    )
  const content = await client.download(`/api/v1/artifacts/${encodeURIComponent(history)}/content`)
  const looks = looksOf(await readAll(content))
  const of = String(job.result?.id ?? job.result?.name ?? job.id)
  const title = `Geometry of ${of} through its ${job.kind === 'train' ? 'training' : 'evolution'}`
  const result = { document: { job: job.id, looks }, text: historyText(looks) }
  return withPage(context, result, file, () => historyPage(title, looks))
}

/** A measurement that is done already, or what was measured while a model was trained. */
async function showJob(context: CommandContext, client: Client, id: string): Promise<CommandResult> {
  const file = await pageFile(context)
  const job = await client.get<JobView>(`/api/v1/jobs/${await pickJob(client, id)}`)
  if (job.state === 'running')
    throw new VillageError('USAGE', `Job ${job.id} has not ended: its measurements come with its result`)
  const view = job.kind === 'geometry' ? geometryView(job.result) : null
  return view === null
    ? showHistory(context, client, job, file)
    : withPage(context, jobResult(job), file, () => geometryPage(view))
}

export async function geometry(context: CommandContext): Promise<CommandResult> {
  const history = optionText(context, 'history')
  if (history !== null) {
    if (context.args.length > 0) throw new VillageError('USAGE', 'Give models, or --history, not both')
    const stray = ['data', ...NUMBERS.map(([option]) => option)].find(
      (name) => optionText(context, name) !== null,
    )
    if (stray !== undefined)
      throw new VillageError(
        'USAGE',
        `${flagOf(stray)} does not go with --history: it shows what was measured`,
      )
    return RUN_ID.test(history)
      ? showRun(context, history)
      : showJob(context, await context.client(), history)
  }
  if (context.args.length === 0) throw new VillageError('USAGE', 'Name a model, or a job with --history')
  const file = await pageFile(context)
  if (file !== null && context.options.wait !== true)
    throw new VillageError('USAGE', '--html needs --wait; a job that has ended is drawn with --history')
  const data = optionText(context, 'data')
  const result = await submitJob(context, {
    kind: 'geometry',
    title: 'geometry',
    params: {
      models: [...context.args],
      ...(data === null ? {} : { data: path.resolve(data) }),
      ...numbersOf(context),
    },
  })
  const view = geometryView((result.document as JobView).result)
  return view === null ? result : withPage(context, result, file, () => geometryPage(view))
}
