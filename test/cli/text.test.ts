import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseDuration } from '../../node/cli/duration.ts'
import { EXIT_CODES, exitCodeOf } from '../../node/cli/exit-codes.ts'
import { bytes, duration, printable, printableLines, table } from '../../node/cli/format.ts'
import { jobText } from '../../node/cli/job-text.ts'
import { createPace } from '../../node/cli/pace.ts'
import { pickId } from '../../node/cli/pick.ts'
import { createProgress } from '../../node/cli/progress.ts'
import { compressionText } from '../../node/cli/result-text.ts'
import { onScreen, screenColumns } from '../../node/cli/screen.ts'
import { ERRORS, VillageError } from '../../node/errors.ts'
import type { JsonObject } from '../../node/json.ts'

const test = suite('cli text')

test('durations', () => {
  assert.is(parseDuration('7d'), 604_800_000)
  assert.is(parseDuration('1d12h'), 129_600_000)
  assert.is(parseDuration(' 90m '), 5_400_000)
  for (const text of ['', '7', 'd', '7 d', '1.5h', '-1d', '7dx'])
    assert.throws(
      () => parseDuration(text),
      (error: unknown) => error instanceof VillageError && error.code === 'USAGE',
      text,
    )
})

test('tables fit the screen whatever is in them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.string({ maxLength: 200 }), { minLength: 5, maxLength: 5 }), { maxLength: 10 }),
      (rows) => {
        const text = table(['A', 'BB', 'CCC', 'DDDD', 'EEEEE'], rows)
        assert.is(text.split('\n').length, rows.length + 1)
        for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
      },
    ),
  )
})

test('no control or direction character of a name reaches the terminal', () => {
  assert.is(printable('a\u001b[31m\u202eb\n'), 'a\\u{1b}[31m\\u{202e}b\\u{a}')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.not.match(printable(text), /[\p{Cc}\p{Cf}]/u)
    }),
  )
})

test('a terminal obeys nothing that a model writes, and its lines stay', () => {
  const text = 'one\n\ttwo 👩‍🚀 שלום\u001b]52;c;eA==\u0007\r\u009b2J\u202eend'
  assert.is(printableLines(text), 'one\n\ttwo 👩‍🚀 שלום\\u{1b}]52;c;eA==\\u{7}\\u{d}\\u{9b}2J\\u{202e}end')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (given) => {
      assert.not.match(printableLines(given), /[^\P{Cc}\n\t]/u)
    }),
  )
})

test('a failed job says what to do', () => {
  const failed = (code: string) =>
    jobText({
      id: 'a1b2c3d4e5',
      kind: 'compress',
      state: 'failed',
      priority: 0,
      createdAtMs: 0,
      finishedAtMs: 1_000,
      total: 4,
      done: 4,
      stage: null,
      params: {},
      result: null,
      error: { code, message: 'Too little is left.' },
      shares: {},
      doubt: null,
    })
  const known = failed('COMPRESS_QUALITY_LOW')
  assert.match(known, /^error +COMPRESS_QUALITY_LOW: Too little is left\.$/m)
  assert.ok(known.includes(ERRORS.COMPRESS_QUALITY_LOW.fix))
  assert.not.match(failed('CODE_OF_A_NEWER_DAEMON'), /^fix/m)
})

test('a compression without a graph promises nothing that runs', () => {
  const report = (runnable: string) =>
    compressionText({
      codec: 'auto',
      params: {},
      packed: { cid: 'bafya' },
      runnable: { cid: runnable },
      totals: { originalBytes: 4096, packedBytes: 1024, runnableBytes: 1024, ratio: 4, runnableRatio: 4 },
    })
  assert.match(report('bafya'), /^size +4\.0 KiB to 1\.0 KiB packed, no graph to run$/m)
  assert.match(report('bafyb'), /^size +4\.0 KiB to 1\.0 KiB packed, 1\.0 KiB runnable$/m)
  assert.match(report('bafyb'), /^codec +auto$/m)
})

test('sizes and times', () => {
  assert.equal([0, 1023, 1024, 1536, 2 ** 30, 150 * 2 ** 20].map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 GiB',
    '150 MiB',
  ])
  assert.equal([0, 9_900, 59_000, 61_000, 7_260_000, 200_000_000].map(duration), [
    '0.0 s',
    '9.9 s',
    '59 s',
    '1 min 1 s',
    '2 h 1 min',
    '2 d 7 h',
  ])
})

test('a part of an id picks one, or says why it does not', () => {
  const ids = ['abc1', 'abd2', 'xyz2']
  assert.is(pickId(ids, 'x', 'job', 'start'), 'xyz2')
  assert.is(pickId(ids, 'c1', 'peer', 'end'), 'abc1')
  assert.is(pickId(ids, '12D3…z2', 'peer', 'end'), 'xyz2')
  assert.throws(() => pickId(ids, 'ab', 'job', 'start'), /2 jobs match ab/)
  assert.throws(() => pickId(ids, '', 'job', 'start'), /No job has the id/)
})

test('the report of auto says what it had to meet', () => {
  const text = (target: JsonObject) =>
    compressionText({ codec: 'auto', params: {}, totals: {}, auto: { target } })
  assert.match(text({ ratio: 8 }), /target +ratio 8\n/)
  assert.match(text({ sizeBytes: 4_000_000 }), /target +size 3\.8 MiB\n/)
  assert.not.match(compressionText({ codec: 'int4', params: {}, totals: {} }), /target|kept as it was/)
})

test('exit codes differ, and every kind of error has one', () => {
  const codes = Object.values(EXIT_CODES).map(({ code }) => code)
  assert.is(new Set(codes).size, codes.length)
  assert.is(exitCodeOf('USAGE'), 2)
  assert.is(exitCodeOf('CONFIG_UNKNOWN_KEY'), 2)
  assert.is(exitCodeOf('DAEMON_NOT_RUNNING'), 3)
  assert.is(exitCodeOf('ABORTED'), 130)
  assert.is(exitCodeOf('DISK_FULL'), 1)
})

test('progress is drawn on a terminal only', () => {
  let drawn = ''
  const stream = (isTTY: boolean) =>
    ({
      isTTY,
      write(text: string) {
        drawn += text
        return true
      },
      columns: 80,
      cursorTo: () => true,
      clearLine: () => true,
      on: () => {},
    }) as unknown as NodeJS.WriteStream // cli-progress uses no more of a terminal than this
  const silent = createProgress('x', stream(false), true)
  silent.update(0.5, 'half')
  silent.stop()
  assert.is(drawn, '')
  const bar = createProgress('compress', stream(true), true)
  bar.update(0.5, 'half')
  bar.stop()
  assert.match(drawn, /compress \[#+-+\] 50% half/)
  let nowMs = 0
  const paced = createProgress('add', stream(true), true, () => nowMs)
  paced.update(0, '0 B', 0)
  nowMs = 4_000
  paced.update(0.25, '8 MiB', 2 ** 23)
  paced.stop()
  assert.match(drawn, /25% 8 MiB, 2\.0 MiB\/s, 12 s left/)
})

test('rate and time left are those of the last half minute, and none is a guess', () => {
  const pace = createPace()
  assert.is(pace.leftMs(0, 0), null)
  assert.is(pace.leftMs(0.1, 1_000), null, 'too early')
  assert.is(pace.leftMs(0.1, 2_000), 18_000)
  // A second as before, and then ten times as slow: what was before is forgotten.
  let left: number | null = null
  for (let second = 3; second <= 90; second++) left = pace.leftMs(0.1 + second * 0.005, second * 1_000)
  assert.ok(Math.abs(left! - ((1 - 0.55) / 0.005) * 1_000) < 500, String(left))
  assert.is(pace.leftMs(0, 91_000), null, 'it has begun anew')
  assert.is(pace.leftMs(1, 99_000), null)
  assert.is(pace.bytesPerSecond(0, 0), null)
  assert.is(pace.bytesPerSecond(0, 10_000), null, 'nothing has come')
  assert.is(pace.bytesPerSecond(5_000, 10_000), 500)
})

test('tables fit the terminal, or what COLUMNS says', () => {
  const row = ['x'.repeat(70), 'y'.repeat(70)]
  const widest = (columns: number | null) =>
    onScreen(columns, () =>
      Math.max(
        ...table(['A', 'B'], [row])
          .split('\n')
          .map((line) => line.length),
      ),
    )
  for (const columns of [40, 60, 80, 120]) assert.is(widest(columns), columns)
  assert.is(widest(200), 142)
  assert.is(widest(null), 80)
  assert.is(screenColumns(null, undefined), null)
  assert.is(screenColumns(100, undefined), 100)
  assert.is(screenColumns(100, '60'), 60)
  assert.is(screenColumns(null, '200'), 200)
  assert.is(screenColumns(100, 'wide'), 100)
  assert.is(screenColumns(10, ''), 40)
})

test('a compression says how much of the model it reached, and what was too small', () => {
  const small = { weights: 35, elements: 226_560, storedBytes: 906_240 }
  const report = {
    codec: 'int4',
    params: {},
    totals: { compressedWeights: 32_768, parameters: 260_032 },
    limit: { minElements: 16_384, weights: 36, small },
    calibration: { cid: 'bafy', items: 1, weights: 1 },
  }
  const text = compressionText(report)
  assert.match(text, /compressed +1 of 36 tensors, 12\.6% of the parameters\n/)
  assert.match(
    text,
    /kept as it was +35 tensors \(885 KiB\) with fewer than 16,384 weights \(--min-weights\)/,
  )
  assert.match(text, /with 1 item, 1 weight$/m)
  const none = { ...report, limit: { ...report.limit, weights: 1, small: { ...small, weights: 0 } } }
  assert.not.match(compressionText(none), /kept as it was/)
})

test.run()
