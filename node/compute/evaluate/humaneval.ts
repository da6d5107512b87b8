/**
 * HumanEval (Chen et al. 2021, arXiv 2107.03374): Python functions from their docstrings, judged by unit tests that are
 * run. Reads the published file, runs solutions in the sandbox only, and gives the paper's unbiased pass@k.
 */
import { randomBytes } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { VillageError } from '../../errors.ts'
import type { LimitHit, SandboxJob, SandboxLimits, SandboxResult } from '../sandbox/sandbox-job.ts'
import { JUDGE_FILE, JUDGE_SOURCE, SOLUTION_FILE } from './humaneval-harness.ts'

/** What the sandbox must have. */
export const HUMANEVAL_PROGRAM = 'python3'

export interface HumanEvalProblem {
  readonly taskId: string
  /** Imports, helpers and the head of the function with its docstring: what a model is given. */
  readonly prompt: string
  readonly entryPoint: string
  /** Defines check(candidate). */
  readonly test: string
  readonly canonicalSolution: string
}

/**
 * `invalid`: it does not compile, fails when it is loaded, or lacks the function; `wrong`: an assertion failed; `failed`:
 * another error; `ended`: it ended its process; else the limit that it met.
 */
export type SolutionOutcome = 'passed' | 'invalid' | 'wrong' | 'failed' | 'ended' | LimitHit

export interface SolutionResult {
  readonly outcome: SolutionOutcome
  /** For a person; may hold text that the solution made. */
  readonly detail: string
}

export interface HumanEvalItem {
  readonly taskId: string
  /** One a completion, in their order. */
  readonly samples: readonly SolutionResult[]
  readonly passed: number
  /** pass@k of this problem, one for each k that was asked for. */
  readonly passAtK: readonly number[]
}

export interface HumanEvalScore {
  readonly items: readonly HumanEvalItem[]
  /** The mean over the problems, one for each k. */
  readonly passAtK: readonly number[]
}

export interface ScoreHumanEvalInit {
  readonly problems: readonly HumanEvalProblem[]
  /** By problem: what the model wrote after the prompt, cut at its stop strings; at least the largest k of them. */
  readonly completions: readonly (readonly string[])[]
  readonly k: readonly number[]
  readonly signal: AbortSignal
  readonly sandbox: {
    readonly parallel: number
    run(job: SandboxJob, signal: AbortSignal): Promise<SandboxResult>
  }
  readonly limits?: Partial<SandboxLimits>
  readonly onSolution?: (done: number, total: number) => void
}

const MIB = 2 ** 20
const MAX_FILE_BYTES = 64 * MIB
const MAX_FIELD_CHARACTERS = MIB
const MAX_PROBLEMS = 100_000
const GZIP_MAGIC = [0x1f, 0x8b] as const
const NONCE_BYTES = 16
const MAX_DETAIL_CHARACTERS = 300
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/**
 * The paper's harness gives a solution 3 seconds of wall time. Here 3 seconds are CPU time, so that a busy machine fails
 * nobody, and the wall time only ends what waits.
 */
export const HUMANEVAL_LIMITS: SandboxLimits = {
  wallMs: 30_000,
  cpuSeconds: 3,
  memoryBytes: 512 * MIB,
  processes: 16,
  fileBytes: 8 * MIB,
  outputBytes: 65_536,
}

function malformed(line: number, what: string): VillageError {
  return new VillageError('HUMANEVAL_MALFORMED', `Line ${line} of the problems ${what}.`, {
    fields: { line },
  })
}

function readProblem(text: string, line: number): HumanEvalProblem {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed(line, 'is not JSON')
  }
  if (typeof value !== 'object' || value === null) throw malformed(line, 'is no object')
  const record = value as Record<string, unknown>
  const field = (name: string): string => {
    const content = record[name]
    if (typeof content !== 'string') throw malformed(line, `has no text ${name}`)
    if (content.length > MAX_FIELD_CHARACTERS) throw malformed(line, `has a ${name} that is too long`)
    return content
  }
  const entryPoint = field('entry_point')
  if (!IDENTIFIER.test(entryPoint)) throw malformed(line, 'has an entry_point that names no function')
  return {
    taskId: field('task_id'),
    prompt: field('prompt'),
    entryPoint,
    test: field('test'),
    canonicalSolution: field('canonical_solution'),
  }
}

function unpacked(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== GZIP_MAGIC[0] || bytes[1] !== GZIP_MAGIC[1]) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_FILE_BYTES })
  } catch (error) {
    throw new VillageError('HUMANEVAL_MALFORMED', 'The problems cannot be unpacked.', { cause: error })
  }
}

/** The problems of HumanEval.jsonl or HumanEval.jsonl.gz. Throws HUMANEVAL_MALFORMED with the line. */
export function readHumanEval(bytes: Uint8Array): HumanEvalProblem[] {
  const plain = unpacked(bytes)
  if (plain.length > MAX_FILE_BYTES)
    throw new VillageError('HUMANEVAL_MALFORMED', `The problems take more than ${MAX_FILE_BYTES / MIB} MiB.`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain)
  } catch (error) {
    throw new VillageError('HUMANEVAL_MALFORMED', 'The problems are not UTF-8 text.', { cause: error })
  }
  const problems: HumanEvalProblem[] = []
  const seen = new Set<string>()
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    const problem = readProblem(line, index + 1)
    if (seen.has(problem.taskId)) throw malformed(index + 1, 'repeats a task_id')
    seen.add(problem.taskId)
    problems.push(problem)
    if (problems.length > MAX_PROBLEMS) throw malformed(index + 1, 'is one problem too many')
  })
  if (problems.length === 0)
    throw new VillageError('HUMANEVAL_MALFORMED', 'There are no problems in the file.')
  return problems
}

/**
 * The unbiased estimate of pass@k (Chen et al. 2021, eq. 1) for `passed` of `samples` solutions:
 * 1 − C(n−c, k) / C(n, k), as a product so that no binomial overflows. NaN where there are fewer than k samples.
 */
export function passAtK(samples: number, passed: number, k: number): number {
  if (k > samples) return Number.NaN
  if (samples - passed < k) return 1
  let allFail = 1
  for (let i = samples - passed + 1; i <= samples; i++) allFail *= 1 - k / i
  return 1 - allFail
}

function verdict(result: SandboxResult, nonce: string): SolutionResult {
  if (result.limitHit !== null)
    return { outcome: result.limitHit, detail: `the limit on ${result.limitHit} was met` }
  const line = result.stdout.split('\n').find((candidate) => candidate.startsWith(`${nonce} `))
  // No verdict: the solution ended or broke the judge, which is no pass.
  if (line === undefined) return { outcome: 'ended', detail: 'there is no verdict' }
  const { outcome, detail } = JSON.parse(line.slice(nonce.length + 1)) as SolutionResult
  return { outcome, detail: detail.slice(0, MAX_DETAIL_CHARACTERS) }
}

/** Runs one solution. Throws only what the sandbox throws. */
export async function runSolution(
  init: Pick<ScoreHumanEvalInit, 'sandbox' | 'signal' | 'limits'>,
  problem: HumanEvalProblem,
  completion: string,
): Promise<SolutionResult> {
  const source = `${problem.prompt}${completion}\n`
  const limits = { ...HUMANEVAL_LIMITS, ...init.limits }
  if (Buffer.byteLength(source) * 2 > limits.fileBytes)
    return { outcome: 'invalid', detail: 'it is too long' }
  const nonce = randomBytes(NONCE_BYTES).toString('hex')
  const result = await init.sandbox.run(
    {
      files: { [JUDGE_FILE]: JUDGE_SOURCE, [SOLUTION_FILE]: source, 'entry.txt': problem.entryPoint },
      command: [HUMANEVAL_PROGRAM, '-I', '-S', '-B', JUDGE_FILE],
      stdin: JSON.stringify({ nonce, entry: problem.entryPoint, prompt: problem.prompt, test: problem.test }),
      proc: false,
      limits,
    },
    init.signal,
  )
  return verdict(result, nonce)
}

function checkInit({ problems, completions, k }: ScoreHumanEvalInit): void {
  const refuse = (message: string): never => {
    throw new VillageError('INVALID_ARGUMENT', message)
  }
  if (completions.length !== problems.length) refuse('There is one list of completions for each problem.')
  if (k.length === 0 || k.some((each) => !Number.isSafeInteger(each) || each < 1))
    refuse('Each k of pass@k is a whole number from 1 on.')
  const most = Math.max(...k)
  if (completions.some((samples) => samples.length < most))
    refuse(`pass@${most} needs at least ${most} completions of each problem.`)
}

/**
 * Runs every completion of every problem, as many at one time as the sandbox does, and scores them. Only the node that
 * owns the evaluation calls this: no code runs in a task that came from a stranger.
 */
export async function scoreHumanEval(init: ScoreHumanEvalInit): Promise<HumanEvalScore> {
  checkInit(init)
  const { problems, completions, k } = init
  const work = problems.flatMap((problem, index) =>
    (completions[index] ?? []).map((completion, sample) => ({ problem, index, completion, sample })),
  )
  const samples: SolutionResult[][] = problems.map(() => [])
  const failed = new AbortController()
  const signal = AbortSignal.any([init.signal, failed.signal])
  let next = 0
  let done = 0
  const takeWork = async () => {
    for (let job = work[next++]; job !== undefined; job = work[next++]) {
      const row = samples[job.index] as SolutionResult[]
      row[job.sample] = await runSolution({ ...init, signal }, job.problem, job.completion)
      done += 1
      init.onSolution?.(done, work.length)
    }
  }
  try {
    await Promise.all(Array.from({ length: init.sandbox.parallel }, takeWork))
  } catch (error) {
    failed.abort(error)
    throw error
  }
  const items = problems.map(({ taskId }, index): HumanEvalItem => {
    const results = samples[index] ?? []
    const passed = results.filter(({ outcome }) => outcome === 'passed').length
    return {
      taskId,
      samples: results,
      passed,
      passAtK: k.map((each) => passAtK(results.length, passed, each)),
    }
  })
  return {
    items,
    passAtK: k.map(
      (_, at) => items.reduce((sum, item) => sum + (item.passAtK[at] ?? 0), 0) / Math.max(1, items.length),
    ),
  }
}
