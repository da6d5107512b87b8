/**
 * The figures of a training for a curve: of one that goes on, or that failed, from its working files, of one that is done from the
 * artifact of its job. A training may have made a million steps: neighbours become their mean until few enough are left.
 */
import { open } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { VillageError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { JobSummary } from '../jobs/job.ts'
import { jobFilesDirectory, keptDirectory } from '../jobs/kept-files.ts'
import { METRICS_FILE } from './training-files.ts'

/** Columns of equal length, oldest first; null where a figure is not known. */
export interface TrainingCurve {
  /** Of the steps that stand for one point, the last. */
  readonly step: readonly number[]
  readonly loss: readonly (number | null)[]
  readonly heldOutLoss: readonly (number | null)[]
  readonly learningRate: readonly (number | null)[]
  readonly gradientNorm: readonly (number | null)[]
  readonly tokensPerSecond: readonly (number | null)[]
  /** Steps in all, as planned; null before the first. */
  readonly steps: number | null
  /** Steps that became one point. */
  readonly stepsByPoint: number
}

const MEANS = ['loss', 'heldOutLoss', 'learningRate', 'gradientNorm', 'tokensPerSecond'] as const
/** A line has a dozen numbers. */
const MAX_LINE = 4_096

interface Point {
  step: number
  readonly sums: Float64Array
  readonly counts: Uint32Array
}

const emptyPoint = (): Point => ({
  step: 0,
  sums: new Float64Array(MEANS.length),
  counts: new Uint32Array(MEANS.length),
})

function into(target: Point, source: Point): Point {
  target.step = source.step
  for (const index of MEANS.keys()) {
    target.sums[index]! += source.sums[index]!
    target.counts[index]! += source.counts[index]!
  }
  return target
}

/** Reads JSON lines as metrics-file.ts writes them; a last line that is half written is left out. Between `points` and twice as many come back. */
export async function readCurve(lines: AsyncIterable<string>, points: number): Promise<TrainingCurve> {
  let kept: Point[] = []
  let current = emptyPoint()
  let opened = 0
  let stepsByPoint = 1
  let steps: number | null = null
  const close = () => {
    kept.push(current)
    current = emptyPoint()
    opened = 0
    if (kept.length < 2 * points) return
    kept = kept.flatMap((point, index) => (index % 2 === 0 ? [into(point, kept[index + 1] ?? point)] : []))
    stepsByPoint *= 2
  }
  for await (const line of lines) {
    const figures = line.length > MAX_LINE ? null : parsed(line)
    if (figures === null || typeof figures.step !== 'number') continue
    if (typeof figures.steps === 'number') steps = figures.steps
    current.step = figures.step
    for (const [index, name] of MEANS.entries()) {
      const value = figures[name]
      if (typeof value !== 'number') continue
      current.sums[index]! += value
      current.counts[index]! += 1
    }
    opened += 1
    if (opened === stepsByPoint) close()
  }
  if (opened > 0) kept.push(current)
  const column = (name: (typeof MEANS)[number]) => {
    const index = MEANS.indexOf(name)
    return kept.map(({ sums, counts }) => (counts[index] === 0 ? null : sums[index]! / counts[index]!))
  }
  return {
    step: kept.map(({ step }) => step),
    loss: column('loss'),
    heldOutLoss: column('heldOutLoss'),
    learningRate: column('learningRate'),
    gradientNorm: column('gradientNorm'),
    tokensPerSecond: column('tokensPerSecond'),
    steps,
    stepsByPoint,
  }
}

function parsed(line: string) {
  try {
    const value: unknown = JSON.parse(line)
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}

const linesOf = (input: Readable) => createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })

/**
 * `directory` is that of the daemon's data; `points` to twice as many come back, none before the first step. Throws JOB_UNKNOWN, and
 * NOT_FOUND for a job that is no training or kept no figures.
 */
export async function trainingCurve(
  components: {
    readonly jobs: { get(id: string): JobSummary | null }
    readonly artifacts: Pick<Artifacts, 'stream'>
    readonly directory: string
  },
  id: string,
  { points, signal }: { readonly points: number; readonly signal: AbortSignal },
): Promise<TrainingCurve> {
  const job = components.jobs.get(id)
  if (job === null) throw new VillageError('JOB_UNKNOWN', undefined, { fields: { job: id } })
  const none = (cause?: unknown) =>
    new VillageError('NOT_FOUND', `The job ${id} has no figures of a training`, {
      ...(cause === undefined ? {} : { cause }),
      fields: { job: id },
    })
  if (job.kind !== 'train') throw none()
  const { metrics } = job.result ?? {}
  if (typeof metrics === 'string') {
    const bytes = components.artifacts.stream(metrics, { signal })
    return readCurve(linesOf(Readable.from(bytes, { objectMode: false })), points)
  }
  const kept = keptDirectory(jobFilesDirectory(components.directory), id)
  try {
    const file = await open(path.join(kept, METRICS_FILE))
    return await readCurve(linesOf(file.createReadStream({ signal })), points)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // Before the first step there is no file; that of a cancelled training is gone.
    if (job.state === 'running') return readCurve(linesOf(Readable.from([])), points)
    throw none(error)
  }
}
