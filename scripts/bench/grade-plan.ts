/** Whether a plan is one of those that a written goal allows: the sequence of tools, and the arguments that the goal names. */
import { isStepReference, type Plan } from '../../node/agents/king/plan.ts'
import type { OwnNames } from '../../node/agents/own-names.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../node/json.ts'

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
      const taken = steps[index]!.arguments
      // The questions' tool takes several collections, the search's one.
      const given =
        name === 'collection' && Array.isArray(taken.collections) && taken.collections.length === 1
          ? taken.collections[0]
          : taken[name]
      if (given === undefined || !isEqual(given, value))
        return `${tool}: ${name} is to be ${JSON.stringify(value)}, not ${JSON.stringify(given) ?? 'absent'}`
    }
  return null
}

/** Text without regard to case; what an earlier step gives stands for any name of it. */
function isEqual(given: JsonValue, wanted: JsonValue): boolean {
  if (isStepReference(given)) return typeof wanted === 'string'
  if (Array.isArray(given) && Array.isArray(wanted) && given.some(isStepReference))
    return given.length === wanted.length && given.every((one, at) => isEqual(one, wanted[at]!))
  const plain = (value: JsonValue) => canonicalJson(value).toLowerCase()
  return plain(given) === plain(wanted)
}

/** Throws where the file is not of the form of WrittenGoal. */
export function readWrittenGoals(text: string): WrittenGoal[] {
  const value = JSON.parse(text) as JsonValue
  if (!Array.isArray(value)) throw new Error('a file of goals is a list')
  return value.map((row: JsonValue, index: number): WrittenGoal => {
    const wrong = () =>
      new Error(`goal ${index + 1} is not of the form { goal, sequences: [[{ tool, arguments }]] }`)
    if (!isJsonObject(row) || typeof row.goal !== 'string' || !Array.isArray(row.sequences)) throw wrong()
    const sequences = row.sequences.map((sequence: JsonValue) => {
      if (!Array.isArray(sequence)) throw wrong()
      return sequence.map((step: JsonValue) => {
        if (!isJsonObject(step) || typeof step.tool !== 'string') throw wrong()
        return { tool: step.tool, arguments: isJsonObject(step.arguments) ? step.arguments : {} }
      })
    })
    return { goal: row.goal, sequences }
  })
}

/** What the node of the written goals has: their writers knew it, as people know what is on their node. */
export const GOALS_WORLD: OwnNames = {
  collections: ['recipes', 'garden', 'minutes', 'boiler-manuals', 'letters', 'handbook'],
  models: [
    'encoder',
    'encoder-int4',
    'village-lm',
    'village-lm-arithmetic',
    'village-lm-facts',
    'village-lm-strings',
    'story-writer',
    'town-llama',
  ],
  folders: ['notes', 'projects', 'downloads'],
}

/** All tools that rules plan with. */
export const KING_TOOLS: readonly string[] =
  `calculate code_run evolve_start file_list file_read file_write geometry_measure job_cancel job_list job_show job_wait
  knowledge_ask knowledge_collections knowledge_index knowledge_search member_list model_add model_compare model_compress model_evaluate
  model_generate model_inspect model_list model_merge model_pull model_train node_status round_list round_show text_embed time_now
  twin_forget twin_recall twin_remember`
    .split(/\s+/)
    .filter((name) => name !== '')
