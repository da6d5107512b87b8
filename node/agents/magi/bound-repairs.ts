/**
 * A model that writes a program reads what went wrong and writes it again. Three times are enough: models that do not get it right
 * by then run in circles (Chen et al. 2023, arXiv 2304.05128: successful debugging mostly ends within three turns).
 */
import { isJsonObject } from '../../json.ts'
import type { Observation, Policy } from '../loop/policy.ts'

export const MAX_REPAIRS = 3
const MAX_SAID = 2000

/** The run failed by the program's own doing, so that another program may do better. */
function isFailedRun({ call, outcome }: Observation): boolean {
  return (
    call.tool === 'code_run' &&
    outcome.kind === 'result' &&
    isJsonObject(outcome.result.content) &&
    outcome.result.content.ok === false
  )
}

/** Failed runs since the last that ended well. */
export function failuresInARow(observations: readonly Observation[]): number {
  const runs = observations.filter(({ call }) => call.tool === 'code_run')
  const lastWell = runs.findLastIndex((run) => !isFailedRun(run))
  return runs.length - 1 - lastWell
}

function lastErrors(observations: readonly Observation[]): string {
  const last = observations.findLast(isFailedRun)
  if (last?.outcome.kind !== 'result' || !isJsonObject(last.outcome.result.content)) return ''
  const { said, stderr } = last.outcome.result.content
  return `${String(said)}\n${String(stderr).slice(-MAX_SAID)}`.trim()
}

/** The same policy, whose programs are run at most once and repaired three times in a row. */
export function boundRepairs(policy: Policy): Policy {
  return {
    model: policy.model,
    async next(step, signal, onText) {
      const decided = await policy.next(step, signal, onText)
      const { action } = decided
      if (failuresInARow(step.observations) <= MAX_REPAIRS) return decided
      if (action.kind !== 'call' || !action.calls.some(({ tool }) => tool === 'code_run')) return decided
      const text = `The program still fails after ${MAX_REPAIRS} repairs. At last:\n\`\`\`\n${lastErrors(step.observations)}\n\`\`\``
      onText(text)
      return { action: { kind: 'answer', text }, usage: decided.usage }
    },
  }
}
