import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../../node/compute/jobs/job.ts'
import { fragmentsOf } from '../../../node/compute/tracking/record-log.ts'
import { createTracking } from '../../../node/compute/tracking/tracking.ts'
import { createWandbRun } from '../../../node/compute/tracking/wandb-run.ts'
import { createEvents } from '../../../node/events.ts'
import { createLog } from '../../../node/log.ts'

const READER = fileURLToPath(new URL('../../helpers/read-wandb.py', import.meta.url))
const START = Date.UTC(2026, 0, 31, 23, 59, 59, 250)

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-tracking-'))
  try {
    await use(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** What the independent reader finds; null where there is no Python. */
function recordsOf(file: string): unknown[] | null {
  const { error, status, stdout, stderr } = spawnSync('python3', [READER, file], { encoding: 'utf8' })
  if (error !== undefined) {
    console.log('skipped: python3 is not installed')
    return null
  }
  assert.is(stderr, '')
  assert.is(status, 0)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

test('fragments fill blocks exactly, wherever a record begins', () => {
  fc.assert(
    fc.property(fc.integer({ min: 7, max: 70_000 }), fc.integer({ min: 0, max: 100_000 }), (at, size) => {
      const record = Uint8Array.from({ length: size }, (_, index) => index % 251)
      let position = at
      const joined: Buffer[] = []
      const types: number[] = []
      for (const part of fragmentsOf(record, at)) {
        const left = 32_768 - (position % 32_768)
        assert.ok(part.byteLength <= left)
        position += part.byteLength
        if (left < 7) continue
        types.push(part[6]!)
        joined.push(part.subarray(7))
      }
      assert.equal(Buffer.concat(joined), Buffer.from(record))
      const middles = Array.from({ length: Math.max(0, types.length - 2) }, () => 3)
      assert.equal(types, types.length === 1 ? [1] : [2, ...middles, 4])
    }),
    { numRuns: 300 },
  )
})

test('an independent reader finds in a W&B run what was written', () =>
  withDirectory(async (directory) => {
    const run = createWandbRun({
      directory,
      id: 'train-abc',
      project: 'village',
      name: 'a first try',
      jobType: 'train',
      config: { model: 'village-lm', steps: 3, note: 'ü'.repeat(40_000) },
      startedAtMs: START,
    })
    assert.is(path.basename(run.directory), 'offline-run-20260131_235959-train-abc')
    for (const step of [0, 1, 200])
      run.log(step, START + 1000 * (step + 1), { loss: 3 / (step + 1), odd: Number.NaN })
    assert.throws(() => run.log(199, START, {}))
    run.finish(START + 300_000, 0, { best: 0.5 })
    const found = recordsOf(path.join(run.directory, 'run-train-abc.wandb'))
    if (found === null) return
    assert.is(found[0], 'header')
    assert.equal(found[1], {
      ...{ run: 'train-abc', project: 'village', jobType: 'train', name: 'a first try' },
      config: { model: 'village-lm', steps: 3, note: 'ü'.repeat(40_000) },
      seconds: Math.floor(START / 1000),
    })
    assert.equal(found[3], {
      history: { loss: 1.5, odd: 'NaN', _step: 1, _timestamp: START / 1000 + 2, _runtime: 2 },
      step: 1,
    })
    const { summary } = found[5] as { summary: Record<string, unknown> }
    assert.is(summary.best, 0.5)
    assert.is(summary._step, 200)
    assert.equal(found.slice(6), [{ exit: 0, runtime: 300 }, 'final', 'footer'])
  }))

const CONFIG = {
  'tracking.formats': ['jsonl', 'wandb'],
  'tracking.project': 'village',
} as const

function jobOf(kind: string, result: object | null): JobSummary {
  return {
    ...{
      id: 'j1',
      kind,
      state: 'done',
      priority: 0,
      createdAtMs: START,
      finishedAtMs: START,
      total: 1,
      done: 1,
    },
    ...{ stage: null, stages: [], params: { model: 'm' }, result, error: null, shares: {}, doubt: null },
  } as JobSummary
}

async function lines(directory: string, id: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path.join(directory, `run-${id}.jsonl`), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('trainings, evaluations and runs are followed by their events', () =>
  withDirectory(async (directory) => {
    const events = createEvents({ onError: () => assert.unreachable() })
    const result = { suite: 's', models: [{ model: 'm', scores: { accuracy: 0.75, name: 'x' } }] }
    const jobs = {
      get: (id: string) => jobOf(id === 'e1' ? 'evaluate' : 'train', id === 'e1' ? result : null),
    }
    const config = { ...CONFIG, 'tracking.directory': directory }
    const tracking = createTracking({ events, jobs, log: createLog({ level: 'silent' }) }, { config })
    await tracking.start(new AbortController().signal)
    const metrics = {
      job: 'j1',
      steps: 2,
      heldOutLoss: null,
      learningRate: 0.1,
      gradientNorm: 1,
      tokens: 5,
      tokensPerSecond: 9,
    }
    const changed = { total: 1, done: 1, stage: null }
    events.emit('training:metrics', { ...metrics, step: 1, loss: 2 })
    events.emit('training:metrics', { ...metrics, step: 2, loss: 1 })
    events.emit('job:changed', { ...changed, job: 'j1', kind: 'train', state: 'running' })
    events.emit('job:changed', { ...changed, job: 'j1', kind: 'train', state: 'done' })
    events.emit('job:changed', { ...changed, job: 'e1', kind: 'evaluate', state: 'done' })
    events.emit('job:changed', { ...changed, job: 'c1', kind: 'compress', state: 'done' })
    const round = { run: 'r1', name: 'evolve it', isPaused: false, height: 1 }
    events.emit('round:changed', { ...round, phase: 'proposing', generation: 0, best: null })
    events.emit('round:changed', { ...round, phase: 'proposing', generation: 1, best: 0.5 })
    events.emit('round:changed', { ...round, phase: 'commit', generation: 1, best: 0.5 })
    events.emit('round:changed', { ...round, phase: 'published', generation: 2, best: 0.75 })
    events.emit('round:changed', { ...round, run: 'r0', phase: 'ended', generation: 9, best: 0.1 })
    // Broken off by the stop, and followed anew after it.
    events.emit('training:metrics', { ...metrics, job: 'j2', step: 1, loss: 2 })
    await tracking.stop()
    await tracking.start(new AbortController().signal)
    events.emit('training:metrics', { ...metrics, job: 'j2', step: 2, loss: 1 })
    await tracking.stop()

    const trained = await lines(directory, 'train-j1')
    assert.equal(
      trained.map(({ step, loss }) => [step, loss]),
      [
        [undefined, undefined],
        [1, 2],
        [2, 1],
        [undefined, undefined],
      ],
    )
    assert.equal(trained[0]!.config, { model: 'm' })
    assert.not('heldOutLoss' in trained[1]!)
    assert.is(trained[3]!.exitCode, 0)
    assert.equal((await lines(directory, 'evaluate-e1')).at(-1)!.summary, { 'm/accuracy': 0.75 })
    assert.equal(
      (await lines(directory, 'evolve-r1')).slice(1, -1).map(({ step, best }) => [step, best]),
      [
        [1, 0.5],
        [2, 0.75],
      ],
    )
    const names = await readdir(directory)
    assert.equal(names.filter((name) => name.endsWith('.jsonl')).sort(), [
      'run-evaluate-e1.jsonl',
      'run-evolve-r1.jsonl',
      'run-train-j1.jsonl',
      'run-train-j2-2.jsonl',
      'run-train-j2.jsonl',
    ])
    assert.is(names.filter((name) => name.startsWith('offline-run-')).length, 5)
  }))

test('a directory that cannot be written costs nobody their work', () =>
  withDirectory(async (directory) => {
    const file = path.join(directory, 'a-file')
    await writeFile(file, '')
    const failures: unknown[] = []
    const events = createEvents({ onError: (error) => failures.push(error) })
    const config = { ...CONFIG, 'tracking.directory': file }
    const tracking = createTracking(
      { events, jobs: { get: () => null }, log: createLog({ level: 'silent' }) },
      { config },
    )
    await tracking.start(new AbortController().signal)
    const figures = {
      steps: 2,
      heldOutLoss: null,
      learningRate: 0,
      gradientNorm: 1,
      tokens: 5,
      tokensPerSecond: 9,
    }
    events.emit('training:metrics', { ...figures, job: 'j1', step: 1, loss: 2 })
    await tracking.stop()
    assert.equal(failures, [])
  }))

test.run()
