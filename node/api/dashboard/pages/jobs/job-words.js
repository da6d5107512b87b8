/** How jobs are told apart: a title of what they were asked for. */
import { bytes } from '../../parts/format.js'

/** `evaluate likelihood: a, b` */
export function titleOf({ kind, params, result }) {
  const models = params.models?.join?.(', ') ?? params.model ?? params.id ?? params.replay ?? ''
  // Jobs of older daemons that were not told the suite say it in their result.
  const suite = kind === 'evaluate' ? (params.suite ?? result?.suite) : undefined
  return `${kind}${suite ? ` ${suite}:` : ''} ${typeof models === 'string' ? models : ''}`.trim()
}

/** `int4`, `trellis 3 bits`, `auto, 8 times smaller`; empty for what is no compression. */
export function codecWords({ codec, params, target }) {
  if (typeof codec !== 'string') return ''
  const bits = params?.bits === undefined ? '' : ` ${params.bits} bits`
  if (codec !== 'auto' || !target) return `${codec}${bits}`
  const [[name, value] = []] = Object.entries(target)
  const words = {
    ratio: `${value} times smaller`,
    sizeBytes: `at most ${bytes(value)}`,
    bits: `${value} bits a parameter`,
    quality: `${(value * 100).toFixed(1)}% kept`,
  }
  return `auto, ${words[name] ?? ''}`
}

/** What a running job without tasks is at: its stage, or it has not begun; null once there are tasks to count. */
export const beginningOf = ({ state, total, stage }) =>
  state !== 'running' || total > 0 ? null : (stage ?? 'waiting')

/** Share of the planned tasks that is done, what is under way counted in part. */
export function shareOf(job, tasks) {
  if (job.state === 'done') return 1
  const partial = (tasks ?? []).reduce((sum, task) => sum + (task.state === 'leased' ? task.progress : 0), 0)
  return job.total === 0 ? 0 : (job.done + partial) / job.total
}
