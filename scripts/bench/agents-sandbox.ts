/** Attacks on Magi's sandbox: every one is stopped, told, and leaves nothing behind; without bubblewrap nothing runs. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { codeRunTool } from '../../node/agents/tools/code-tool.ts'
import { createSandbox } from '../../node/compute/sandbox/sandbox.ts'
import { toVillageError } from '../../node/errors.ts'
import { createLog } from '../../node/log.ts'
import { leftBehind, openTargets, runAttack } from '../../test/helpers/run-attacks.ts'
import { ATTACKS } from '../../test/helpers/sandbox-attacks.ts'
import type { BenchCase } from './bench-cases.ts'

const log = createLog({ level: 'silent' })
const ROUNDS = 3
const TINY_RUNS = 40
const MIB = 2 ** 20

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const toolWith = (sandbox: ReturnType<typeof createSandbox>) =>
  codeRunTool(
    { sandbox, resources: { snapshot: () => ({ memoryBytes: 2048 * MIB }) } },
    { folders: [], dataDirectory: tmpdir() },
  )

async function refusalWithout(directory: string, signal: AbortSignal): Promise<string> {
  const sandbox = createSandbox({ log }, { searchPath: directory })
  try {
    await toolWith(sandbox).run({ language: 'python', code: 'print(1)' }, context(signal))
    return 'it ran'
  } catch (error) {
    return toVillageError(error).code
  } finally {
    await sandbox.stop()
  }
}

const context = (signal: AbortSignal) => ({
  asker: { kind: 'owner', id: 'owner', scope: 'admin' } as const,
  request: 'bench',
  seesPrivate: true,
  staysHere: false,
  countTokens: () => {},
  signal,
  progress() {},
})

export const sandboxCase: BenchCase = {
  name: 'sandbox',
  title: 'attacks on the sandbox of code_run',
  async run({ report, log: say, signal }) {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-bench-'))
    const sandbox = createSandbox({ log }, { parallel: 2 })
    const targets = await openTargets()
    try {
      const refusal = await refusalWithout(directory, signal)
      report({
        case: 'runs without bubblewrap',
        value: refusal === 'SANDBOX_UNAVAILABLE' ? 0 : 1,
        unit: 'runs',
        better: 'lower',
        bar: 0,
      })
      const found = await sandbox.availability()
      if (!found.available) return say(`no sandbox here: ${found.reason}`)

      const openBefore = readdirSync('/proc/self/fd').length
      let stopped = 0
      for (let round = 0; round < ROUNDS; round++)
        for (const attack of ATTACKS) {
          signal.throwIfAborted()
          const { problems } = await runAttack(sandbox, attack, targets)
          if (problems.length === 0) stopped += 1
          else say(`${attack.name}: ${problems.join('; ')}`)
        }
      const attacks = ROUNDS * ATTACKS.length
      report({
        case: 'attacks stopped and told',
        value: stopped,
        unit: `of ${attacks}`,
        better: 'higher',
        bar: attacks,
      })
      const left = leftBehind(targets)
      for (const one of left) say(`left behind: ${one}`)
      report({ case: 'left behind by attacks', value: left.length, unit: 'things', better: 'lower', bar: 0 })
      const opened = Math.max(0, readdirSync('/proc/self/fd').length - openBefore)
      report({ case: 'descriptors left open', value: opened, unit: 'descriptors', better: 'lower', bar: 0 })

      const tool = toolWith(sandbox)
      const residentBefore = process.memoryUsage.rss()
      const tookMs: number[] = []
      for (let count = 0; count < TINY_RUNS; count++) {
        const startedAt = performance.now()
        await tool.run({ language: 'sh', code: 'echo 1 > out.txt' }, context(signal))
        tookMs.push(performance.now() - startedAt)
      }
      report({
        case: 'a run of code_run, median',
        value: median(tookMs),
        unit: 'ms',
        better: 'lower',
        bar: null,
      })
      const grown = Math.max(0, process.memoryUsage.rss() - residentBefore) / MIB
      report({
        case: `memory after ${TINY_RUNS} runs`,
        value: grown,
        unit: 'MiB',
        better: 'lower',
        bar: null,
      })
    } finally {
      await targets.close()
      await sandbox.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
