/** `village model pull`, `pulls` and `cancel-pull`. A pull belongs to the daemon: closing the command does not end it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ERRORS, isErrorCode, VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { bytes, printable, short, table } from './format.ts'
import { type ModelView, modelFacts, modelPath } from './model.ts'
import type { Progress } from './progress.ts'

const RETRY_MS = 1_000

export interface PullView {
  readonly id: string
  readonly request: { readonly kind: 'hub' | 'village'; readonly name: string; readonly revision: string }
  readonly state: 'running' | 'interrupted' | 'done' | 'failed'
  readonly stage: string
  readonly doneBytes: number
  readonly totalBytes: number
  readonly commit: string | null
  readonly model: string | null
  readonly error: { readonly code: string; readonly message: string } | null
}

export async function pull(context: CommandContext): Promise<CommandResult> {
  const { weightsOnly, adapters, include } = context.options
  const [id, file, hub] = ['id', 'file', 'hub'].map((name) => optionText(context, name))
  const client = await context.client()
  const asking = client.send<PullView>('POST', '/api/v1/pulls', {
    source: context.args[0] ?? '',
    ...(id ? { id } : {}),
    ...(file ? { file } : {}),
    ...(hub ? { hub } : {}),
    ...(Array.isArray(include) && include.length > 0 ? { include } : {}),
    ...(weightsOnly === true ? { weightsOnly } : {}),
    ...(adapters === false ? { adapters } : {}),
  })
  const started = await asking.catch((error: unknown) => {
    // The daemon may have begun, though its answer was not waited for.
    if (context.signal.aborted)
      context.note('The pull may go on in the daemon: village model pulls shows it, and how to end it')
    throw error
  })
  context.signal.addEventListener(
    'abort',
    () =>
      context.note(
        `The pull goes on in the daemon: village model pulls; to end it: village model cancel-pull ${started.id}`,
      ),
    { once: true },
  )
  const ended = await follow(context, started)
  if (ended.model === null || ended.state !== 'done') throw failureOf(context, ended)
  const { model } = await client.get<{ model: ModelView }>(modelPath(ended.model))
  return { document: { ...ended, entry: model }, text: modelFacts(model) }
}

/** Why the pull failed, as the daemon says; a code of a newer daemon is told in the message. */
function failureOf(context: CommandContext, { request, state, doneBytes, error }: PullView): VillageError {
  if (doneBytes > 0)
    context.note(`What has come (${bytes(doneBytes)}) is kept: the same command goes on from there.`)
  const message = `${request.name} was not pulled: ${error?.message ?? `the pull is ${state}`}`
  return error !== null && isErrorCode(error.code)
    ? new VillageError(error.code, message)
    : new VillageError('INTERNAL', error === null ? message : `${message} (${error.code})`)
}

function show(progress: Progress, { doneBytes, totalBytes, stage }: PullView): void {
  const size = totalBytes === 0 ? bytes(doneBytes) : `${bytes(doneBytes)} of ${bytes(totalBytes)}`
  progress.update(totalBytes === 0 ? 0 : doneBytes / totalBytes, `${stage} ${size}`, doneBytes)
}

/** By the events, and by asking where some may have been missed. */
async function follow(context: CommandContext, started: PullView): Promise<PullView> {
  const client = await context.client()
  const progress = context.progress(started.request.name)
  const read = () => client.get<PullView>(`/api/v1/pulls/${started.id}`)
  let view = started
  let lastEventId: string | null = null
  try {
    while (view.state === 'running') {
      show(progress, view)
      for await (const event of client.events(['pull:changed'], { lastEventId })) {
        lastEventId = event.id
        const { type, data } = event
        if (type === 'hello' || type === 'gap') view = await read()
        else if (data.pull !== started.id) continue
        else if (data.state === 'running')
          view = {
            ...view,
            stage: String(data.stage),
            doneBytes: Number(data.doneBytes),
            totalBytes: Number(data.totalBytes),
          }
        else view = await read()
        if (view.state !== 'running') break
        show(progress, view)
      }
      // The daemon may end the stream of a slow reader; a daemon that is gone makes the next request throw.
      if (view.state === 'running') await sleep(RETRY_MS, undefined, { signal: context.signal })
    }
    show(progress, view)
    return view
  } finally {
    progress.stop()
  }
}

export async function pulls(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { pulls: all } = await client.get<{ pulls: PullView[] }>('/api/v1/pulls')
  return {
    document: { pulls: all },
    text: all.length === 0 ? 'No pulls.' : [pullTable(all), ...all.flatMap(reasonOf)].join('\n'),
  }
}

function pullTable(all: readonly PullView[]): string {
  return table(
    ['PULL', 'SOURCE', 'STATE', 'FETCHED', 'REVISION', 'MODEL'],
    all.map(({ id, request, state, stage, doneBytes, totalBytes, commit, model }) => [
      id,
      request.kind === 'village' ? `village:${short(request.name)}` : request.name,
      state === 'running' ? stage : state,
      totalBytes === 0 || doneBytes === totalBytes
        ? bytes(doneBytes)
        : `${bytes(doneBytes)} of ${bytes(totalBytes)}`,
      request.kind === 'village' ? '-' : (commit?.slice(0, 12) ?? request.revision),
      model ?? '-',
    ]),
    { whole: [0] },
  )
}

/** Why a pull failed, and what to do about it. */
function reasonOf({ id, error }: PullView): string[] {
  if (error === null) return []
  const fix = isErrorCode(error.code) ? `\n  fix: ${ERRORS[error.code].fix}` : ''
  return [`${id} ${error.code}: ${printable(error.message)}${fix}`]
}

export async function cancelPull(context: CommandContext): Promise<CommandResult> {
  const id = context.args[0] ?? ''
  await (await context.client()).send('DELETE', `/api/v1/pulls/${encodeURIComponent(id)}`)
  return { document: { cancelled: id }, text: `Pull ${id} has ended; what it had fetched is removed.` }
}
