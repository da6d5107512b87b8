/** Examples for the classifier of clauses: lines of `tool<TAB>clause`, and the clauses of written goals, each with the step that it asks for. */
import { createHash } from 'node:crypto'
import type { Clause } from '../../node/agents/king/clause.ts'
import { clausesIn } from '../../node/agents/king/clauses-in.ts'
import { featuresOf } from '../../node/agents/king/intent/clause-features.ts'
import { NOTHING_ASKED } from '../../node/agents/king/intent/clause-intent.ts'
import { type LinearModel, sharesOf } from '../../node/agents/king/intent/linear-model.ts'
import type { Example } from '../../node/agents/king/intent/train-linear.ts'
import { readMood } from '../../node/agents/king/mood.ts'
import { onlyTells } from '../../node/agents/king/phrases.ts'
import { saidIn } from '../../node/agents/king/said-words.ts'
import { canonicalJson } from '../../node/json.ts'
import { GOALS_WORLD, type WrittenGoal } from '../bench/grade-plan.ts'

/** Of what the weights are learned from, however it is laid out: tells weights that are older than their data. */
export const sha256Of = (clauses: string, goals: readonly WrittenGoal[]): string =>
  createHash('sha256')
    .update(`${clauses}\n${canonicalJson(goals.map(({ goal, sequences }) => ({ goal, sequences })))}`)
    .digest('hex')

/** Throws where a line has no tool. */
export function examplesIn(lines: string): Example[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [label, text, ...more] = line.split('\t')
      if (label === undefined || text === undefined || more.length > 0)
        throw new Error(`a line is TOOL, a tab and a clause, not ${JSON.stringify(line)}`)
      return { label, features: featuresOf(wholeClause(text)) }
    })
}

/** A text that is one clause, as the planner would read it. */
export function wholeClause(text: string): Pick<Clause, 'words' | 'mood'> {
  const words = saidIn(text, GOALS_WORLD)
  const said = words.filter(({ kind, text: mark }) => !(kind === 'mark' && /^[?.!]$/.test(mark)))
  const { words: rest, mood } = readMood(said, words.at(-1)?.text === '?', true)
  return { words: rest.length > 0 ? rest : words, mood }
}

/** A label that the model thinks so unlikely is taken for a slip of the alignment: the goal is left out. */
const MIN_SHARE = 0.08
const NEVER = 1e-4

/**
 * Clauses of goals with their steps. A goal of one clause and at most one step says it by itself; of others the likeliest way to lay the steps along the
 * clauses by `model` is taken (the others ask for nothing), as a forced alignment.
 */
export function examplesOf(goals: readonly WrittenGoal[], model: LinearModel | null): Example[] {
  return goals.flatMap(({ goal, sequences }) => {
    const clauses = clausesIn(saidIn(goal, GOALS_WORLD), goal).filter(
      ({ isOff, line }) => !isOff && line !== '',
    )
    const tools = sequences[0]!.map(({ tool }) => tool)
    const features = clauses.map(featuresOf)
    if (clauses.length === 1 && tools.length <= 1)
      return [{ label: tools[0] ?? NOTHING_ASKED, features: features[0]! }]
    if (model === null || tools.length > clauses.length) return []
    const shares = features.map((each) => sharesOf(model, each))
    const likely = (clause: number, tool: string): number =>
      onlyTells(clauses[clause]!) && tool !== NOTHING_ASKED
        ? NEVER * NEVER
        : (shares[clause]![model.classes.indexOf(tool)] ?? 0) + NEVER
    const labels = alignment(clauses.length, tools, (clause, tool) => Math.log(likely(clause, tool)))
    return labels.some((label, clause) => likely(clause, label) < MIN_SHARE)
      ? []
      : labels.map((label, clause) => ({ label, features: features[clause]! }))
  })
}

/** The likeliest label of each clause where the steps come in their order (Viterbi). */
function alignment(
  clauses: number,
  tools: readonly string[],
  score: (clause: number, tool: string) => number,
): string[] {
  const best = [[0, ...tools.map(() => Number.NEGATIVE_INFINITY)]]
  const isStep: boolean[][] = []
  for (let clause = 0; clause < clauses; clause++) {
    const before = best[clause]!
    const pass = before.map((sum) => sum + score(clause, NOTHING_ASKED))
    const take = before.map((_, step) =>
      step === 0 ? Number.NEGATIVE_INFINITY : before[step - 1]! + score(clause, tools[step - 1]!),
    )
    best.push(pass.map((sum, step) => Math.max(sum, take[step]!)))
    isStep.push(pass.map((sum, step) => take[step]! > sum))
  }
  const labels: string[] = []
  let step = tools.length
  for (let clause = clauses - 1; clause >= 0; clause--)
    labels.unshift(isStep[clause]![step]! ? tools[--step]! : NOTHING_ASKED)
  return labels
}
