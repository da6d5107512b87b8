/** `if it keeps more than 95 %`: on what number or outcome of an earlier step a step depends. */
import { type ClauseCondition, lineOf } from './clause.ts'
import { existenceIn } from './existence.ts'
import type { JobIs, Measure, StepCondition } from './plan.ts'
import type { Draft } from './rules/rule.ts'

const ABOVE =
  /(?:^| )(?:more|over|above|at least|greater|higher|exceed|exceeds|exceeded|bigger|larger|better|reaches|reach|> ?=?|beats|no less|not less|not below|not under|minimum)(?: |$)/
const BELOW =
  /(?:^| )(?:less|fewer|under|below|at most|smaller|lower|fall|falls|drops?|dropped|worse|< ?=?|no more|not more|not above|not over|maximum|within)(?: |$)/
const FAILED =
  /(?:^| )(?:fail|fails|failed|error|errors|not work|go wrong|wrong|crash|crashes|not possible|impossible|not fit|not succeed)(?: |$)/
const SUCCEEDED =
  /(?:^| )(?:work|works|worked|succeed|succeeds|succeeded|success|successful|do|fine|well|ok|okay|pass|passes|passed|possible|finish|finished|complete|completes|good|happy)(?: |$)/

const OPPOSITE: Readonly<Record<JobIs, JobIs>> = {
  running: 'ended',
  ended: 'running',
  done: 'failed',
  failed: 'done',
}

/** `it is still running`, `it has not finished`, `it failed`. */
function jobStateOf(line: string): JobIs | null {
  const isNot = /(?:^| )(?:not|no|never)(?: |$)/.test(line)
  if (/(?:^| )(?:fail|failed|fails|crashed|broken|error|cancelled)(?: |$)/.test(line))
    return isNot ? 'done' : 'failed'
  if (
    /(?:^| )(?:run|running|go|going|active|busy|stuck|hanging|hangs|waiting|wait|queued|pending|progress|on)(?: |$)/.test(
      line,
    )
  )
    return isNot ? 'ended' : 'running'
  if (/(?:^| )(?:finish|finished|done|do|complete|completed|ended|over|through|ready)(?: |$)/.test(line))
    return isNot ? 'running' : 'ended'
  return null
}

const GIVES: Readonly<Record<Measure, readonly string[]>> = {
  quality: ['model_compress', 'model_compare', 'model_evaluate'],
  score: ['model_evaluate', 'model_compare', 'model_compress'],
  confidence: ['knowledge_ask'],
  sizeBytes: ['model_compress', 'model_inspect', 'model_merge', 'model_pull', 'model_add'],
  ratio: ['model_compress'],
  value: ['calculate'],
}

const flip = (is: 'above' | 'below', isFlipped: boolean): 'above' | 'below' =>
  isFlipped ? (is === 'above' ? 'below' : 'above') : is

/** Null: what it depends on is not measured by the plan. `steps`: those planned before; ids count from 1. */
export function readCondition(
  { words, isNegated }: ClauseCondition,
  steps: readonly Draft[],
): StepCondition | null {
  const line = lineOf(words)
  const amount = words.find(({ kind }) => /^(?:percent|size|times|number)$/.test(kind))
  const latest = (tools: readonly string[]): number => {
    for (let at = steps.length - 1; at >= 0; at--) if (tools.includes(steps[at]!.tool)) return at + 1
    return 0
  }
  const there = existenceIn(words)
  const listed = there === null ? 0 : latest([there.tool])
  if (there !== null && listed > 0)
    return {
      kind: 'listed',
      step: listed,
      name: there.name,
      is: there.isMissing !== isNegated ? 'missing' : 'there',
    }
  const shownJob = latest(['job_show'])
  if (shownJob > 0 && shownJob === steps.length && amount?.kind !== 'size') {
    const jobIs = jobStateOf(line)
    if (jobIs !== null) return { kind: 'job', step: shownJob, is: isNegated ? OPPOSITE[jobIs] : jobIs }
  }
  if (amount?.value === null || amount?.value === undefined) {
    if (steps.length === 0) return null
    const better = /(?:^| )(?:better|worse|win|wins|beat|beats|improve|improved|improves|gain)(?: |$)/.exec(
      line,
    )
    const compared = latest(['model_compare'])
    if (better !== null && compared > 0)
      return {
        kind: 'verdict',
        step: compared,
        is: /worse/.test(better[0]) !== isNegated ? 'worse' : 'better',
      }
    const isFailure = FAILED.test(line) || (SUCCEEDED.test(line) && /(?:^| )(?:not|no)(?: |$)/.test(line))
    if (!isFailure && !SUCCEEDED.test(line)) return null
    return { kind: 'outcome', step: steps.length, is: isFailure !== isNegated ? 'failed' : 'done' }
  }
  const loses =
    /(?:^| )(?:lose|loses|losing|loss|lost|drop|drops|dropped|worse)(?: |$)/.test(line) &&
    amount.kind === 'percent'
  const measure: Measure =
    amount.kind === 'size'
      ? 'sizeBytes'
      : amount.kind === 'times'
        ? 'ratio'
        : /(?:^| )(?:confidence|confident|sure|certain)(?: |$)/.test(line)
          ? 'confidence'
          : /(?:^| )(?:quality|keep|keeps|kept|retain|retains|accuracy)(?: |$)/.test(line) ||
              amount.kind === 'percent'
            ? 'quality'
            : latest(GIVES.value) > 0 && latest(GIVES.score) === 0
              ? 'value'
              : 'score'
  const step = latest(GIVES[measure])
  if (step === 0) return null
  const isBelow =
    BELOW.test(line) && !/(?:^| )(?:no|not) (?:less|below|under|worse|lower|smaller|drop|fall)/.test(line)
  const is =
    isBelow || /(?:^| )(?:no|not) (?:more|over|above)(?: |$)/.test(line)
      ? 'below'
      : ABOVE.test(line)
        ? 'above'
        : /(?:^| )size(?: |$)/.test(line) || measure === 'sizeBytes'
          ? 'below'
          : 'above'
  // To lose less than 3 % is to keep more than 97 %.
  const limit = loses ? Number((1 - amount.value).toPrecision(6)) : amount.value
  return { kind: 'number', step, measure, is: flip(is, loses !== isNegated), limit }
}
