/** What must be looked at before a step that depends on it: a score, a size, whether a job still runs. */
import { type Clause, lineOf } from './clause.ts'
import { existenceIn } from './existence.ts'
import { mentionIn } from './mentions.ts'
import { ownCollections } from './named-words.ts'
import { readCondition } from './read-condition.ts'
import type { Draft, PlanState } from './rules/rule.ts'
import { namesOf } from './slots.ts'

const OF_QUALITY =
  /(?:^| )(?:quality|score|scores|scored|scoring|accuracy|perplexity|evaluate|good|similarity|likelihood)(?: |$)/
const REASON = 'What the next step depends on must be measured.'
/** States of a job; also of one that is named by its id alone. */
const OF_A_JOB =
  /(?:^| )(?:still |already |not )*(?:run|running|going|finish|finished|done|do|complete|over|stuck|hangs|hanging|failed|fail|queued|waiting|wait|active|pending)(?: |$)/

/** `if nothing else is running`: of the node, not of one job. */
const NOTHING_RUNS =
  /^(?:nothing|no (?:other )?job|(?:anything|something|any (?:other )?job))(?: else)?(?: here| (?:is|are|still|now))* (?:run|running|going on|busy|in the queue)(?: |$)/
/** `if the recipes hold something for elderflower syrup`. */
const SAYS =
  /(?:^| )(?:hold|holds|have|has|say|says|mention|mentions|contain|contains|know|knows|tell|tells)(?: |$)/

const lineOfText = (words: Clause['words']): string => words.map(({ text }) => text).join(' ')

/** Null: nothing needs measuring, or no rule knows how. */
export function measureFirst(
  { condition, words }: Clause,
  state: PlanState,
  tools: readonly string[],
): Draft | null {
  if (condition === null) return null
  const { drafts } = state
  const line = lineOf(condition.words)
  const step = (tool: string, arguments_: Draft['arguments']): Draft | null =>
    tools.includes(tool) ? { tool, arguments: arguments_, reason: REASON } : null
  const spoken = mentionIn(condition.words)
  const job =
    spoken.job ??
    (OF_A_JOB.test(line)
      ? (condition.words.find(({ kind, text }) => kind === 'id' && /\d/.test(text))?.text ?? null)
      : null)
  const there = existenceIn(condition.words)
  if (there !== null)
    return drafts.some(({ tool }) => tool === there.tool)
      ? null
      : step(there.tool, there.folder === undefined ? {} : { path: there.folder })
  if (NOTHING_RUNS.test(line) && !drafts.some(({ tool }) => tool === 'job_list'))
    return step('job_list', { state: 'running' })
  const [collection] = ownCollections(condition.words)
  if (collection !== undefined && SAYS.test(line) && drafts.length === 0)
    return step('knowledge_search', {
      query: lineOfText(condition.words),
      collection,
    })
  const read = readCondition(condition, drafts)
  if (job !== null && OF_A_JOB.test(line) && drafts.at(-1)?.tool !== 'job_show')
    return step('job_show', { job })
  // `cancel job 7f3a if it is still running`: of the job that the order names.
  const own =
    OF_A_JOB.test(line) && /^(?:it|that|this|the job|job)(?: |$)/.test(line) ? mentionIn(words).job : null
  if (own !== null && drafts.at(-1)?.tool !== 'job_show') return step('job_show', { job: own })
  if (OF_A_JOB.test(line) && typeof state.job === 'string' && drafts.length === 0)
    return step('job_show', { job: state.job })
  if (read !== null && (read.kind !== 'outcome' || drafts.length > 0)) return null
  const [named, other] = namesOf(condition.words, 0, { plainWords: false, anywhere: true })
  const [later] = namesOf(words, 0, { plainWords: false })
  const model = named?.text ?? state.model ?? later?.text ?? null
  if (model === null) return null
  // The verdict is about the second of a comparison: what the condition is about.
  if (/(?:^| )(?:better|worse|beats?|wins?)(?: |$)/.test(line) && named !== undefined && other !== undefined)
    return step('model_compare', { first: other.text, second: named.text })
  if (
    /(?:^| )(?:better|worse)(?: |$)/.test(line) &&
    named !== undefined &&
    state.model !== null &&
    typeof state.model !== 'string'
  )
    return step('model_compare', { first: named.text, second: state.model })
  if (condition.words.some(({ kind }) => kind === 'size')) return step('model_inspect', { model })
  if (!OF_QUALITY.test(line)) return null
  const suite = /(?:^| )(similarity|likelihood|perplexity|mmlu|gsm8k|humaneval|retrieval)(?: |$)/.exec(
    line,
  )?.[1]
  return condition.words.some(({ kind }) => kind === 'number' || kind === 'percent')
    ? step('model_evaluate', { model, ...(suite !== undefined && { suite }) })
    : null
}
