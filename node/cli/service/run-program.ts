/** Runs a program of the machine's own, such as systemctl, and gives what it said. */
import { execFile } from 'node:child_process'

export interface ProgramResult {
  /** null: it could not be started, or was ended by a signal. */
  readonly exitCode: number | null
  /** What it wrote on either output, at most 64 KiB. */
  readonly output: string
}

export type RunProgram = (command: readonly string[], signal: AbortSignal) => Promise<ProgramResult>

const TIMEOUT_MS = 90_000
const MAX_OUTPUT_BYTES = 64 * 1024

export const runProgram: RunProgram = ([program = '', ...args], signal) =>
  new Promise((resolve) => {
    execFile(
      program,
      args,
      { signal, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim()
        if (error === null) resolve({ exitCode: 0, output })
        else
          resolve({
            exitCode: typeof error.code === 'number' ? error.code : null,
            output: output === '' ? error.message : output,
          })
      },
    )
  })
