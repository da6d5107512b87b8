/** Runs the programs that a model wrote: on the node that owns the evaluation, in its sandbox, and nowhere else. */
import { decodeAnswers } from '../evaluate/evaluation-files.ts'
import { scoreHumanEval } from '../evaluate/humaneval.ts'
import type { ProgramAnswer } from '../evaluate/suites/humaneval.ts'
import type { JobContext } from './job.ts'

/** By item and sample, how each ended: `passed` or why not. Throws SANDBOX_UNAVAILABLE. */
export async function runPrograms(
  answers: Uint8Array,
  completions: readonly (readonly string[])[],
  context: Pick<JobContext, 'sandbox' | 'signal'>,
): Promise<string[][]> {
  const problems = (decodeAnswers(answers) as readonly ProgramAnswer[]).map(
    ({ id, prompt, entryPoint, test }) => ({
      taskId: id,
      prompt,
      entryPoint,
      test,
      // Nobody has solved it yet but whoever wrote the suite; running needs no solution.
      canonicalSolution: '',
    }),
  )
  const { items } = await scoreHumanEval({
    problems,
    completions,
    k: [1],
    signal: context.signal,
    sandbox: context.sandbox,
  })
  return items.map(({ samples }) => samples.map(({ outcome }) => outcome))
}
