/**
 * All of HumanEval, with its canonical solutions and with wrong ones that claim to be right, in the sandbox as an evaluation
 * runs them. The data set is not part of the project: the figures are there where its file lies beside the repository.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type HumanEvalProblem,
  readHumanEval,
  scoreHumanEval,
} from '../../node/compute/evaluate/humaneval.ts'
import { createSandbox } from '../../node/compute/sandbox/sandbox.ts'
import { createLog } from '../../node/log.ts'
import type { Bench } from './bench.ts'

const DATA = fileURLToPath(new URL('../../../shared/data/eval/HumanEval.jsonl.gz', import.meta.url))
/** Problems that a solution which computes or waits for ever is put to: each takes all of its time. */
const ENDLESS = 4

type Solve = (problem: HumanEvalProblem) => string
const same =
  (...lines: readonly string[]): Solve =>
  () =>
    lines.map((line) => `    ${line}\n`).join('')

/** Wrong for every problem, each in its own way. */
const WRONG: Readonly<Record<string, Solve>> = {
  nothing: () => '',
  'an empty body': same('pass'),
  'exit code 0': same('import sys', 'sys.exit(0)'),
  'the process ended': same('import os', 'os._exit(0)'),
  'an exception': same('raise ValueError("no")'),
  'an assertion of its own': same('raise AssertionError()'),
  'an object that equals everything': same(
    'class Any:',
    '    __eq__ = lambda self, other: True',
    '    __ne__ = lambda self, other: False',
    '    __lt__ = __le__ = __gt__ = __ge__ = __eq__',
    '    __bool__ = lambda self: True',
    '    __len__ = lambda self: 0',
    '    __abs__ = __sub__ = __rsub__ = __call__ = lambda self, *rest: self',
    'return Any()',
  ),
  'a check of its own': () => '    pass\n\ndef check(candidate):\n    pass\n',
  'a verdict of its own': same(
    'import os',
    'for number in range(64):',
    '    try:',
    '        os.write(number, b\'\\n{"outcome": "passed"}\\n\')',
    '    except OSError:',
    '        pass',
  ),
  'the right solution with another result': ({ canonicalSolution }) =>
    canonicalSolution.replaceAll(/^(\s*)return\b.*$/gm, '$1return object()'),
}

const LOOPING: Readonly<Record<string, Solve>> = {
  'an endless loop': same('while True: pass'),
  'an endless wait': same('import time', 'time.sleep(10 ** 6)'),
}

export const humanevalBench: Bench = {
  name: 'humaneval',
  title: 'HumanEval in the sandbox: canonical solutions pass, wrong ones do not',
  async run({ report, log, signal }) {
    if (!existsSync(DATA)) return log('skipped: no data')
    const sandbox = createSandbox({ log: createLog({ level: 'warn' }) })
    const found = await sandbox.availability()
    if (!found.available) return log(`skipped: ${found.reason}`)
    const problems = readHumanEval(readFileSync(DATA))
    const passing = async (some: readonly HumanEvalProblem[], solve: Solve): Promise<number> => {
      const completions = some.map((problem) => [solve(problem)])
      const { items } = await scoreHumanEval({ problems: some, completions, k: [1], signal, sandbox })
      return items.reduce((sum, { passed }) => sum + passed, 0)
    }
    const startedAt = performance.now()
    const canonical = await passing(problems, ({ canonicalSolution }) => canonicalSolution)
    const seconds = (performance.now() - startedAt) / 1000
    report({
      case: 'passes: the canonical solution',
      value: canonical,
      unit: `of ${problems.length}`,
      better: 'higher',
      bar: problems.length,
    })
    report({
      case: 'time of a solution',
      value: (seconds * 1000) / problems.length,
      unit: 'ms',
      better: 'lower',
      bar: null,
    })
    for (const [wrong, some] of [
      [WRONG, problems],
      [LOOPING, problems.slice(0, ENDLESS)],
    ] as const)
      for (const [name, solve] of Object.entries(wrong)) {
        log(name)
        const value = await passing(some, solve)
        report({
          case: `passes: ${name}`,
          value,
          unit: `of ${some.length}`,
          better: 'lower',
          bar: 0,
        })
      }
  },
}
