/**
 * King without a language model: written goals, and whether the rules make the sequence of tools of them that does what was asked, with the
 * arguments that the goal names. The held-out goals were written by somebody who has not seen the rules, and the rules were not changed by them; the
 * development set is what the rules were written by, so its figure says only that they still hold.
 */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isChange } from '../../node/agents/king/changes.ts'
import { planGoal } from '../../node/agents/king/plan-goal.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'
import { GOALS_WORLD, gradePlan, KING_TOOLS, readWrittenGoals, type WrittenGoal } from './grade-plan.ts'

const FOLDER = path.join(import.meta.dirname, '..', '..', 'test', 'agents', 'king')
/** 27 of 30. */
const BAR = 0.9

function grade(
  { report, log, misses = false }: BenchContext,
  name: string,
  goals: readonly WrittenGoal[],
  bar: number | null,
): void {
  let [right, changed] = [0, 0]
  const tookMs: number[] = []
  for (const written of goals) {
    const startedMs = performance.now()
    const plan = planGoal(written.goal, KING_TOOLS, GOALS_WORLD)
    tookMs.push(performance.now() - startedMs)
    const fault = gradePlan(written, plan)
    if (fault === null) right++
    else if (bar === null || misses) log(`${name}: ${JSON.stringify(written.goal)}: ${fault}`)
    const mayChange = new Set(written.sequences.flat().map(({ tool }) => tool))
    if (plan.steps.some(({ tool }) => isChange(tool) && !mayChange.has(tool))) changed++
  }
  tookMs.sort((a, b) => a - b)
  report({
    case: `${name}: goals with the right sequence`,
    value: right,
    unit: `of ${goals.length}`,
    better: 'higher',
    bar: bar === null ? null : Math.ceil(bar * goals.length),
  })
  report({
    case: `${name}: goals with a change that was not asked for`,
    value: changed,
    unit: `of ${goals.length}`,
    better: 'lower',
    bar: 0,
  })
  report({
    case: `${name}: time of a plan, median`,
    value: tookMs[Math.floor(tookMs.length / 2)] ?? 0,
    unit: 'ms',
    better: 'lower',
    bar: null,
  })
}

export const kingCase: BenchCase = {
  name: 'king',
  title: 'does King plan the right steps by rules alone',
  async run(context) {
    const heldOut = path.join(FOLDER, 'held-out-goals.json')
    if (existsSync(heldOut)) grade(context, 'held out', readWrittenGoals(readFileSync(heldOut, 'utf8')), BAR)
    else context.log('held out: skipped, test/agents/king/held-out-goals.json is not there')
    grade(
      context,
      'development',
      readWrittenGoals(readFileSync(path.join(FOLDER, 'goals.json'), 'utf8')),
      null,
    )
  },
}
