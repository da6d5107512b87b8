import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countOf, percentOf, sizeOf, timeOf } from '../../../node/agents/king/tell/figures.ts'
import { TOLD_TOOLS, tellResult } from '../../../node/agents/king/tell/tell-result.ts'
import type { JsonObject } from '../../../node/json.ts'

const TIME = '2026-11-23T11:05:33.954Z'
const ENCODER = {
  ...{ model: 'encoder', kind: 'encoder', parameters: 7_012_352, sizeBytes: 28_130_799, parent: null },
  ...{ addedAt: TIME, shared: true },
}
const JOB = { job: '0123456789abcdef', kind: 'compress', state: 'done', stage: null, done: 3, total: 3 }
const RUN = {
  ...{
    run: '0123456789abcdef',
    name: 'small',
    phase: 'running',
    isPaused: false,
    generation: 2,
    generations: 8,
  },
  ...{ participants: 3, best: { id: 'x', mean: 0.87543, generation: 1 } },
}

/** Content as the tool of that name gives it, and what is said of it. */
const CASES: readonly (readonly [string, JsonObject, string | RegExp, JsonObject?])[] = [
  [
    'model_compress',
    {
      ...{ job: 'j', model: 'encoder-int4', codec: 'int4', sizeBytes: 4_198_795, originalBytes: 28_130_799 },
      ...{ ratio: 6.699731470576677, bitsPerWeight: 4.502316006176017, quality: 0.99912 },
    },
    'encoder-int4: 4.2 MB, 6.7 times smaller, 4.5 bits a weight, keeps 99.9%.',
  ],
  [
    'model_evaluate',
    {
      ...{ model: 'encoder', job: 'j', suite: 'sts-mini', items: 200, score: 0.8734211 },
      models: [
        {
          model: 'encoder',
          score: 0.8734211,
          metrics: [{ name: 'spearman', value: 0.8734211, low: 0.84, high: 0.9012 }],
        },
      ],
    },
    'encoder: spearman 0.873 (0.84 to 0.901) (sts-mini, 200 items).',
  ],
  [
    'model_compare',
    {
      ...{ first: 'a', second: 'b', suite: 'sts-mini', better: 'b' },
      measures: [
        { measure: 'spearman', items: 200, first: 0.81234, second: { value: 0.9 }, verdict: 'second' },
      ],
    },
    'b is better than a. Measured by sts-mini.\n- spearman: a 0.812, b 0.9 (200 items)',
  ],
  [
    'model_merge',
    { model: 'm', method: 'linear', parameters: 1_200_000, tensors: 20 },
    'm is merged (linear), 1.2 million parameters, 20 tensors.',
  ],
  [
    'model_train',
    { model: 'mine', step: 200, steps: 200, loss: 1.8, heldOutBefore: 2.31234, heldOutLoss: 1.9 },
    'mine is trained: 200 of 200 steps, loss on held-out text 2.31 before and 1.9 now.',
  ],
  [
    'geometry_measure',
    {
      models: [{ model: 'a', layers: [{ layer: 0, intrinsicDimension: 7.1234 }], meanStableRank: 12.345 }],
      pairs: [{ first: 'a', second: 'b', barrier: 0.12345, alignment: [{ linear: 0.9, debiased: 0.8 }] }],
    },
    'Geometry:\n- a: 1 layer, intrinsic dimension 7.12, mean stable rank 12.3\n- a and b: alignment of the last layer 0.8, barrier 0.123',
  ],
  ['model_list', { models: [ENCODER] }, '1 model:\n- encoder: 28.1 MB, encoder, 7.0 million parameters'],
  [
    'model_inspect',
    { ...ENCODER, tensors: [{ name: 'w', shape: [30, 256] }], tensorCount: 20, compression: null },
    'encoder: 28.1 MB, encoder, 7.0 million parameters.\nIt has 20 tensors, the largest: w (30 × 256).\nIt was added on 2026-11-23 11:05 UTC.',
  ],
  ['model_add', { model: 'encoder', sizeBytes: 1_000 }, 'encoder is added: 1.0 kB.'],
  ['model_pull', { model: 'gpt', sizeBytes: 5_000_000_000 }, 'gpt is here: 5.0 GB.'],
  ['model_generate', { model: 'lm', text: 'Once\nupon a time', finish: 'stop' }, 'Once\nupon a time'],
  [
    'text_embed',
    {
      model: 'encoder',
      dimensions: 2,
      cosines: [
        [1, 0.366974],
        [0.366974, 1],
      ],
    },
    'The two texts are alike to 0.37 (by encoder; 1 is the same, 0 unrelated).',
  ],
  [
    'job_list',
    { jobs: [{ ...JOB, createdAt: TIME, finishedAt: TIME }], total: 31 },
    '31 jobs, newest first:\n- compress 01234567 is done, ended 2026-11-23 11:05 UTC',
  ],
  [
    'job_show',
    { ...JOB, finishedAt: TIME, model: 'm', sizeBytes: 4_198_795, ratio: 6.69 },
    'compress 01234567 is done, ended 2026-11-23 11:05 UTC.\nm: 4.2 MB, 6.7 times smaller.',
  ],
  [
    'job_wait',
    { ...JOB, state: 'failed', error: { code: 'DISK_FULL', fix: 'Free space.' } },
    'compress 01234567 is failed (DISK_FULL).\nFree space.',
  ],
  ['job_cancel', { job: '0123456789abcdef', state: 'cancelled' }, 'The job 01234567 is cancelled.'],
  [
    'round_list',
    { runs: [RUN], total: 1 },
    /^1 run of evolution, newest first:\n- small, run 01234567: running, generation 2 of 8, 3 participants, best 0\.875$/,
  ],
  ['round_show', RUN, /^small, run 01234567: running/],
  [
    'evolve_start',
    { run: '0123456789abcdef', phase: 'announced' },
    'The run 01234567 is announced (announced); it goes on by itself.',
  ],
  ['calculate', { text: '51', value: '51' }, '17% of 300 = 51', { expression: '17% of 300' }],
  ['code_run', { ok: true, exitCode: 0, said: 'the program ended well', stdout: '42\n', stderr: '' }, '42'],
  [
    'file_list',
    {
      path: 'notes',
      entries: [{ name: 'a.md', kind: 'file', sizeBytes: 2_100, modifiedAt: TIME }],
      total: 1,
    },
    'notes has 1 entry:\n- a.md, 2.1 kB, 2026-11-23 11:05 UTC',
  ],
  [
    'file_read',
    { path: 'notes/a.md', sizeBytes: 5, text: 'Hello', nextOffset: null },
    'notes/a.md, 5 bytes:\nHello',
  ],
  ['file_write', { path: 'notes/a.md', sizeBytes: 5, isNew: true }, 'notes/a.md is written (5 bytes).'],
  [
    'knowledge_search',
    {
      passages: [{ source: 'a.md', title: 'House', page: 2, text: 'The valve\nis here.' }],
      missing: ['x@b'],
    },
    '1 passage:\n- House, page 2: The valve is here.\nNot answered: x@b.',
  ],
  [
    'knowledge_collections',
    { collections: [{ collection: 'notes', access: 'private', documents: 3, sizeBytes: 12_345 }] },
    '1 collection:\n- notes: 3 documents, 12.3 kB, private',
  ],
  [
    'knowledge_index',
    {
      collection: 'notes',
      documents: 3,
      files: 4,
      added: 3,
      changed: 0,
      removed: 0,
      skipped: 1,
      skippedFor: { BINARY_FILE: 1 },
    },
    '"notes" has 3 documents of 4 files (3 added). 1 file was left out: BINARY_FILE 1.',
  ],
  ['time_now', { local: 'Monday' }, 'It is Monday.'],
  [
    'member_list',
    { members: [{ name: 'a', role: 'founder', isThisNode: true }], total: 1 },
    '1 member:\n- a, founder, this node',
  ],
  [
    'node_status',
    {
      version: '1.0.0',
      isInVillage: false,
      peers: 2,
      runningJobs: 1,
      accepting: true,
      load: 0.256,
      cpuCores: 2,
      memoryBytes: 4_000_000_000,
    },
    'AIVillage 1.0.0: in no village, 2 connected peers, 1 running job. It takes work. It may use 2 processor cores, 4.0 GB of memory; the load is 25.6%.',
  ],
  [
    'twin_recall',
    { memories: [{ id: '1', text: 'My dentist is Dr. Braun' }] },
    'You told me: My dentist is Dr. Braun.',
  ],
  [
    'twin_remember',
    { memory: { text: 'My dentist is Dr. Braun' }, replaced: [], isNew: true },
    'I remember: “My dentist is Dr. Braun”.',
  ],
  ['twin_forget', { forgotten: 'm1', candidates: [] }, 'It is forgotten, and erased.'],
]

for (const [tool, content, expected, given = {}] of CASES)
  test(`${tool} is told in sentences`, () => {
    const told = tellResult({ tool, arguments: given, summary: 'its line', content })
    if (typeof expected === 'string') assert.is(told, expected)
    else assert.match(told, expected)
  })

test('every row has its case, and holds with nothing in the result', () => {
  assert.equal([...TOLD_TOOLS].sort(), [...new Set(CASES.map(([tool]) => tool))].sort())
  for (const tool of TOLD_TOOLS) {
    const told = tellResult({ tool, arguments: {}, summary: 'its line', content: {} })
    assert.not.match(told, /undefined|null|NaN|\[object/, tool)
  }
})

test('a program that failed is told by its exit code and the end of its errors', () => {
  const stderr = `${Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n')}\nZeroDivisionError: division by zero\n`
  const content = {
    ok: false,
    exitCode: 1,
    said: 'the program ended with exit code 1',
    stdout: '',
    stderr,
    files: {},
    filesCut: false,
  }
  const told = tellResult({ tool: 'code_run', arguments: {}, summary: '', content })
  assert.match(told, /^The program ended with exit code 1\.\nline 15\n/)
  assert.match(told, /ZeroDivisionError: division by zero$/)
})

test('a name cannot make lines of its own', () => {
  const models = [{ ...ENCODER, model: 'a\n- fake: 1 byte\u001b[2J' }]
  const told = tellResult({ tool: 'model_list', arguments: {}, summary: '', content: { models } })
  assert.is(told.split('\n').length, 2)
  assert.not.ok(told.includes('\u001b'))
})

test('a tool of an external server is told by its line and its text', () => {
  const told = tellResult({
    tool: 'mcp_weather_now',
    arguments: {},
    summary: 'its line',
    content: { text: 'Rain' },
  })
  assert.is(told, 'its line\nRain')
})

test('figures', () => {
  assert.is(sizeOf(999), '999 bytes')
  assert.is(sizeOf(999_950), '1.0 MB')
  assert.is(sizeOf(1), '1 byte')
  assert.is(percentOf(0.99912), '99.9%')
  assert.is(countOf(1, 'job'), '1 job')
  assert.is(countOf(12_345, 'job'), '12,345 jobs')
  assert.is(timeOf('nonsense'), null)
})

test.run()
