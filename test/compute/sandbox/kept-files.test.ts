/** What comes out of the sandbox as files: checked whatever was written in their place. */
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keptStreamBytes, readKept } from '../../../node/compute/sandbox/kept-files.ts'
import type { SandboxJob } from '../../../node/compute/sandbox/sandbox-job.ts'
import { sandboxHere } from '../../helpers/sandboxes.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const KEEP = { files: 3, bytes: 100 }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const read = (text: string, given: Record<string, string> = {}) => {
  const { files, cut } = readKept(Buffer.from(text), KEEP, given)
  return {
    files: Object.fromEntries([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString('utf8')])),
    cut,
  }
}

test('lines of names and base64 are files, and nothing else is', () => {
  assert.equal(read(''), { files: {}, cut: false })
  assert.equal(read(`a.txt ${base64('one')}\nb ${base64('')}\n`), {
    files: { 'a.txt': 'one', b: '' },
    cut: false,
  })
  assert.equal(read(`a ${base64('one')}`), { files: {}, cut: true })
  assert.equal(read('! \n'), { files: {}, cut: true })
  for (const name of ['../up', '/etc/passwd', '.hidden', 'a b', '', 'x'.repeat(65), 'a\0b', '..', '-n'])
    assert.equal(read(`${name} ${base64('x')}\n`), { files: {}, cut: true }, name)
  assert.equal(read('a not base64\nb eA==\n'), { files: { b: 'x' }, cut: true })
  assert.equal(read(`a ${base64('one')}\na ${base64('two')}\n`), { files: { a: 'one' }, cut: true })
})

test('there are no more files and bytes than are to be kept', () => {
  const many = [1, 2, 3, 4].map((number) => `f${number} ${base64('x')}\n`).join('')
  assert.equal(Object.keys(read(many).files), ['f1', 'f2', 'f3'])
  assert.is(read(many).cut, true)
  const large = `a ${base64('x'.repeat(60))}\nb ${base64('x'.repeat(60))}\nc ${base64('y')}\n`
  assert.equal(Object.keys(read(large).files), ['a', 'c'])
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const { files } = readKept(Buffer.from(text, 'latin1'), KEEP, {})
      assert.ok(files.size <= KEEP.files)
      assert.ok([...files.values()].reduce((sum, bytes) => sum + bytes.length, 0) <= KEEP.bytes)
      for (const name of files.keys()) assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/)
    }),
  )
})

test('files that were given and stayed as they were are not kept', () => {
  const given = { 'in.txt': 'as it was', 'other.txt': 'old' }
  assert.equal(read(`in.txt ${base64('as it was')}\nother.txt ${base64('new')}\n`, given), {
    files: { 'other.txt': 'new' },
    cut: false,
  })
})

const sandbox = await sandboxHere()
if (sandbox !== null) {
  const LIMITS = {
    ...{ wallMs: 30_000, cpuSeconds: 10, memoryBytes: 2 ** 28, processes: 4, fileBytes: 2 ** 22 },
    outputBytes: 65_536,
  }
  const shell = (source: string, over: Partial<SandboxJob> = {}) =>
    sandbox.run(
      {
        files: { 'program.sh': source },
        command: ['sh', 'program.sh'],
        keep: { files: 8, bytes: 100_000 },
        limits: LIMITS,
        ...over,
      },
      AbortSignal.timeout(60_000),
    )

  test('a run keeps what it leaves, byte by byte, with its exit code and its errors', async () => {
    const { exitCode, stdout, stderr, kept } = await shell(
      'printf "a\\0b\\377" > raw; : > empty; echo out; echo err >&2; exit 7',
    )
    assert.equal([exitCode, stdout, stderr], [7, 'out\n', 'err\n'])
    assert.equal(
      [...kept!.files].map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')]),
      [
        ['empty', ''],
        ['raw', '610062ff'],
      ],
    )
    assert.is(kept!.cut, false)
  })

  test('a file that cannot be read is told, not taken for an empty one', async () => {
    const { kept } = await shell('echo x > shut; chmod 000 shut; echo y > open')
    assert.equal([[...kept!.files.keys()], kept!.cut], [['open'], true])
  })

  test('what runs on cannot change a file while it is read, and a full table of processes is no hindrance', async () => {
    const { kept } = await shell(
      'i=0; while [ $i -lt 3 ]; do (while :; do echo x >> grows; done) & i=$((i+1)); done; echo fixed > good; exit 0',
    )
    assert.is(Buffer.from(kept!.files.get('good')!).toString(), 'fixed\n')
  })

  test('a run that a limit ended keeps nothing, one that asks for nothing has nothing', async () => {
    const ended = await shell('echo x > a; sleep 600', { limits: { ...LIMITS, wallMs: 300 } })
    assert.equal([ended.limitHit, ended.kept], ['wall', undefined])
    const { keep: _, ...plain } = {
      files: { 'p.sh': 'echo x > a' },
      command: ['sh', 'p.sh'],
      limits: LIMITS,
      keep: 1,
    }
    assert.is((await sandbox.run(plain, AbortSignal.timeout(60_000))).kept, undefined)
    await rejectsCode(shell('true', { keep: { files: 65, bytes: 1 } }), 'INVALID_ARGUMENT')
    assert.ok(keptStreamBytes({ files: 64, bytes: 100 }) > 64 * 4096)
  })

  test.after(() => sandbox.stop())
}

test.run()
