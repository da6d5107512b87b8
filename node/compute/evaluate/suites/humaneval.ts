/**
 * HumanEval (Chen et al., arXiv 2107.03374), as the task `humaneval` of lm-evaluation-harness asks it. What the model writes
 * is run on the owner's machine only, in its sandbox, after the answers are there; this file runs nothing.
 */
import { readFileSync, statSync } from 'node:fs'
import { passAtK, readHumanEval } from '../humaneval.ts'
import type { Answer, ItemScore, ItemSuite, Metric } from '../item-suite.ts'
import type { Interval } from '../scores.ts'
import { bootstrapMean } from '../statistics.ts'
import { dataError, spread } from '../suite-data.ts'
import { RIGHT, recordOf, shareMetric, truncated } from './choices.ts'

const STOPS = ['\nclass', '\ndef', '\n#', '\nif', '\nprint'] as const
const MAX_TOKENS = 1024
/** Where several texts are drawn; one alone is the most likely. */
const TEMPERATURE = 0.8
/** Of pass@k. */
const KS = [1, 10, 100]
const MAX_FILE_BYTES = 64 * 2 ** 20

export interface ProgramAnswer extends Answer {
  readonly prompt: string
  readonly test: string
  readonly entryPoint: string
}

/** By sample, how the program ended: `passed`, or why not. */
export type ProgramOutcomes = readonly string[]

export interface ProgramScore extends ItemScore {
  readonly samples: number
  readonly passed: number
  readonly outcomes: ProgramOutcomes
}

export const humaneval: ItemSuite = {
  form: 'items',
  name: 'humaneval',
  title: 'HumanEval: Python functions, run in the sandbox',
  needs: 'a language model',
  fits: ({ kind }) => kind === 'language',
  files: { required: ['data'], optional: [] },
  options: ['limit', 'samples', 'temperature', 'seed', 'maxTokens'],
  itemsByTask: 4,
  executes: true,
  prepare(files, { limit, samples = 1, temperature, seed = 0, maxTokens = MAX_TOKENS }) {
    if (statSync(files.data!).size > MAX_FILE_BYTES)
      throw dataError(files.data!, `problems may have ${MAX_FILE_BYTES} bytes`)
    const problems = readHumanEval(readFileSync(files.data!))
    const drawn = temperature ?? (samples === 1 ? 0 : TEMPERATURE)
    const answers = spread(problems.length, limit).map((index): ProgramAnswer => {
      const { taskId: id, prompt, test, entryPoint } = problems[index]!
      return { id, group: '', prompt, test, entryPoint }
    })
    return {
      items: answers.map(({ prompt }) => ({
        prefix: '',
        item: { type: 'generate', prompt, stop: STOPS, maxTokens, samples, temperature: drawn, seed },
      })),
      answers,
      facts: { available: problems.length, samples, temperature: drawn },
    }
  },
  report(given, records, { seed, outcomes = [] }) {
    const scores = given.map(({ id, group }, index): ProgramScore => {
      const samples = recordOf(records[index]!, 'generate').samples.length
      const own = outcomes[index] as ProgramOutcomes
      const passed = own.filter((outcome) => outcome === 'passed').length
      const measure = samples === 1 ? RIGHT : 'pass rate'
      return { id, group, measure, score: passed / samples, weight: 1, samples, passed, outcomes: own }
    })
    const least = Math.min(...scores.map(({ samples }) => samples))
    const interval = (k: number): Interval =>
      bootstrapMean(
        scores.map(({ samples, passed }) => passAtK(samples, passed, k)),
        seed,
      )
    // Of one sample each is right or wrong.
    if (least === 1)
      return { metrics: [shareMetric('pass@1', 'pass@1', scores)], scores, facts: truncated(records) }
    const metrics = KS.filter((k) => k <= least).map(
      (k): Metric => ({ name: `pass@${k}`, title: `pass@${k}`, interval: interval(k), groups: {} }),
    )
    return { metrics, scores, facts: truncated(records) }
  },
}
