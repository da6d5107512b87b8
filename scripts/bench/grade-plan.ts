/** Whether a plan is one of those that a written goal allows: the sequence of tools, and the arguments that the goal names. */
import { isStepReference, type Plan } from '../../node/agents/king/plan.ts'
import type { JsonObject, JsonValue } from '../../node/json.ts'
import { canonicalJson } from '../../node/json.ts'

export interface WrittenGoal {
  readonly goal: string
  /** Any of them is right. `arguments`: only those that the goal names. */
  readonly sequences: readonly (readonly { readonly tool: string; readonly arguments: JsonObject }[])[]
}

/** Null: right; else what is wrong, beside the first sequence. */
export function gradePlan(written: WrittenGoal, plan: Pick<Plan, 'steps'>): string | null {
  const faults = written.sequences.map((sequence) => faultOf(sequence, plan))
  return faults.includes(null) ? null : (faults[0] ?? 'no sequence is written')
}

function faultOf(sequence: WrittenGoal['sequences'][number], { steps }: Pick<Plan, 'steps'>): string | null {
  const [wanted, got] = [sequence, steps].map((list) => list.map(({ tool }) => tool).join(' → ') || 'nothing')
  if (wanted !== got) return `${wanted} was wanted, not ${got}`
  for (const [index, { tool, arguments: named }] of sequence.entries())
    for (const [name, value] of Object.entries(named)) {
      const given = steps[index]!.arguments[name]
      if (given === undefined || !isEqual(given, value))
        return `${tool}: ${name} is to be ${JSON.stringify(value)}, not ${JSON.stringify(given) ?? 'absent'}`
    }
  return null
}

/** Text without regard to case; what an earlier step gives stands for any name of it. */
function isEqual(given: JsonValue, wanted: JsonValue): boolean {
  if (isStepReference(given)) return typeof wanted === 'string'
  const plain = (value: JsonValue) => canonicalJson(value).toLowerCase()
  return plain(given) === plain(wanted)
}
