/** Runs of code that the asker's own words ask for. Pure. */
import type { ChatMessage } from '../chat/chat-model.ts'
import type { IntendedCall } from '../loop/intended-call.ts'
import { asksToRun } from './fenced-code.ts'
import { lastWords, planWork } from './plan-work.ts'

const PROGRAMMING =
  /\b(?:write|make|build|use|run|execute|try|test|implement|debug|fix|repair|correct)\b[^.!?]{0,80}\b(?:program|script|code|function|python|javascript|node\.?js|shell|algorithm|simulation)\b|\bsimulate\b|\b(?:by|with|in) (?:a )?(?:code|program|script|python|javascript)\b/i
const FENCED = /```[\s\S]*?(?:```|$)/g
/** What a program that is at hand needs where it is not to run as it is. */
const CHANGES_PROGRAM =
  /\b(?:write|make|build|implement|debug|fix|repair|correct|mend|improve|change|rewrite|extend)\b/i
const FORBIDS =
  /\b(?:do not|don't|don’t|never|without|no need to) (?:\w+ ){0,2}(?:run|running|execut\w*|cod(?:e|ing)|program\w*|script\w*)/i

/** Of a long message the beginning says what it wants. */
const MAX_WORDS = 4_000

/**
 * A program that is at hand, or the asker's own code: as it is. A program that is asked for: any, in the sandbox, with texts of the
 * model's own; files of granted folders only by the asker's own words.
 */
export function intendedRuns(messages: readonly ChatMessage[], todayIso: string): IntendedCall[] {
  const message = lastWords(messages)
  const work = planWork(message, todayIso)
  const words = message.slice(0, MAX_WORDS)
  const planned: IntendedCall[] =
    work.kind === 'call' ? [{ tool: work.call.tool, arguments: work.call.arguments, made: [], open: [] }] : []
  if (!PROGRAMMING.test(words) || FORBIDS.test(words)) return planned
  // The asker's own program is run, and no other: what it prints may ask for one.
  if (planned.length > 0 && !CHANGES_PROGRAM.test(words.replace(FENCED, ''))) return planned
  // Code that is shown to be judged is not run, and nothing else for it.
  const around = words.replace(FENCED, '')
  if (around !== words && !asksToRun(around) && !CHANGES_PROGRAM.test(around)) return planned
  const open = ['language', 'code', 'files', 'stdin', 'seconds']
  return [...planned, { tool: 'code_run', arguments: {}, made: [], open }]
}
