/** Where the figures of a piece of work are kept for people and their tools: one interface, a sink for each format. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { JsonObject, JsonValue } from '../../json.ts'
import { createWandbRun } from './wandb-run.ts'

export interface TrackedRunInit {
  readonly directory: string
  /** 1 to 64 of a-z, 0-9 and "-"; no run of this id is in the directory. */
  readonly id: string
  readonly project: string
  readonly name: string
  /** `train`, `evaluate`, `evolve`. */
  readonly jobType: string
  readonly config: JsonObject
  readonly startedAtMs: number
}

export interface TrackedRun {
  log(step: number, atMs: number, values: Readonly<Record<string, JsonValue>>): void
  finish(atMs: number, exitCode: number, summary?: Readonly<Record<string, JsonValue>>): void
}

/** One line a step, after a line with what the run is: `run-ID.jsonl`. */
function createJsonlRun({
  directory,
  id,
  project,
  name,
  jobType,
  config,
  startedAtMs,
}: TrackedRunInit): TrackedRun {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fd = openSync(path.join(directory, `run-${id}.jsonl`), 'wx', 0o600)
  const write = (value: JsonObject) => void writeSync(fd, `${JSON.stringify(value)}\n`)
  write({ run: id, project, name, jobType, config, startedAtMs })
  return {
    log: (step, atMs, values) => write({ step, atMs, ...values }),
    finish(atMs, exitCode, summary = {}) {
      write({ finishedAtMs: atMs, exitCode, summary })
      closeSync(fd)
    },
  }
}

export const TRACKING_FORMATS: Readonly<Record<string, (init: TrackedRunInit) => TrackedRun>> = {
  jsonl: createJsonlRun,
  wandb: createWandbRun,
}
