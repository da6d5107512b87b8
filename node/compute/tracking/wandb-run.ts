/**
 * A run directory of Weights & Biases in its offline form, which `wandb sync DIRECTORY` takes to a server whenever there is one:
 * `offline-run-YYYYMMDD_HHMMSS-ID/run-ID.wandb`. Nothing of W&B's own is needed, and nothing is sent anywhere.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { createRecordLog } from './record-log.ts'
import { RECORD } from './wandb-messages.ts'

export interface WandbRunInit {
  /** The run's directory is made below it. */
  readonly directory: string
  /** 1 to 64 of a-z, 0-9 and "-". */
  readonly id: string
  readonly project: string
  /** What people read. */
  readonly name: string
  /** What kind of work it is: `train`, `evolve`. */
  readonly jobType: string
  readonly tags?: readonly string[]
  /** The parameters of the work. */
  readonly config: JsonObject
  readonly startedAtMs: number
}

export interface WandbRun {
  /** The run's own directory. */
  readonly directory: string
  /** Figures of one step; steps must not go back. */
  log(step: number, atMs: number, values: Readonly<Record<string, JsonValue>>): void
  /** `exitCode` 0: it succeeded. What was logged last of each figure is its summary, unless `summary` says otherwise. */
  finish(atMs: number, exitCode: number, summary?: Readonly<Record<string, JsonValue>>): void
}

const ID = /^[a-z0-9-]{1,64}$/

/** `20260131_235959`, in UTC: the same name wherever the node is. */
function stamp(atMs: number): string {
  const [date = '', time = ''] = new Date(atMs).toISOString().split('T')
  return `${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}`
}

/** JSON has no word for these; W&B reads them as texts. */
const readable = (value: JsonValue): JsonValue =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value

const itemsOf = (values: Readonly<Record<string, JsonValue>>) =>
  Object.entries(values).map(([key, value]) => ({ key, valueJson: JSON.stringify(readable(value)) }))

/** Throws INVALID_ARGUMENT for an id, and what the file system throws; a run of this name must not exist. */
export function createWandbRun(init: WandbRunInit): WandbRun {
  const { id, project, name, jobType, tags = [], config, startedAtMs } = init
  if (!ID.test(id))
    throw new VillageError('INVALID_ARGUMENT', `"${id}" is no id of a run`, { fields: { field: 'id' } })
  const directory = path.join(init.directory, `offline-run-${stamp(startedAtMs)}-${id}`)
  mkdirSync(path.join(directory, 'files'), { recursive: true, mode: 0o700 })
  const log = createRecordLog(path.join(directory, `run-${id}.wandb`))
  const last = new Map<string, JsonValue>()
  let num = 0
  let lastStep = -1
  const append = (record: Partial<Parameters<typeof RECORD.encode>[0]>) => {
    num += 1
    log.append(
      RECORD.encode({
        ...{ num, history: undefined, summary: undefined, run: undefined },
        ...{ exit: undefined, final: undefined, header: undefined, footer: undefined },
        ...record,
      }),
    )
  }
  append({ header: {} })
  append({
    run: {
      runId: id,
      project,
      config: { update: itemsOf(config) },
      runGroup: '',
      jobType,
      displayName: name,
      notes: '',
      tags: [...tags],
      startTime: { seconds: Math.floor(startedAtMs / 1000), nanos: (startedAtMs % 1000) * 1_000_000 },
    },
  })
  return {
    directory,
    log(step, atMs, values) {
      if (step < lastStep)
        throw new VillageError('INVALID_ARGUMENT', `Step ${step} came after step ${lastStep}`, {
          fields: { field: 'step' },
        })
      lastStep = step
      const own = { _step: step, _timestamp: atMs / 1000, _runtime: (atMs - startedAtMs) / 1000 }
      append({ history: { items: itemsOf({ ...values, ...own }), step: { num: step } } })
      for (const [key, value] of Object.entries({ ...values, ...own })) last.set(key, value)
    },
    finish(atMs, exitCode, summary = {}) {
      append({ summary: { update: itemsOf({ ...Object.fromEntries(last), ...summary }) } })
      append({ exit: { exitCode, runtime: Math.round((atMs - startedAtMs) / 1000) } })
      append({ final: {} })
      append({ footer: {} })
      log.close()
    },
  }
}
