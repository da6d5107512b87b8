import { spawnSync } from 'node:child_process'
import fs, {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLog } from '../node/log.ts'
import { openLogFile } from '../node/log-file.ts'
import { throwsCode } from './helpers/throws.ts'

let directory = ''
let file = ''
const logFile = suite('log file')
logFile.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-log-'))
  file = path.join(directory, 'logs', 'village.log')
})
logFile.after.each(() => rmSync(directory, { recursive: true, force: true }))

const linesOf = (name: string) =>
  readFileSync(name, 'utf8')
    .split('\n')
    .filter((line) => line !== '')

logFile('lines go on where the file ended, for its owner alone', () => {
  mkdirSync(path.dirname(file))
  writeFileSync(file, 'before\n')
  chmodSync(file, 0o644)
  const opened = openLogFile({ file, maxBytes: 4_096, keep: 1 })
  createLog({ level: 'info', destination: opened }).info({ one: 1 }, 'after')
  opened.close()
  const [before, after] = linesOf(file)
  assert.is(before, 'before')
  assert.is((JSON.parse(after!) as { msg: string }).msg, 'after')
  assert.is(statSync(file).mode & 0o777, 0o600)
})

logFile('a file that is full is put aside whole, and only so many are kept', () => {
  const init = { file, maxBytes: 30, keep: 2 }
  const opened = openLogFile(init)
  for (let line = 0; line < 12; line++) opened.write(`line ${String(line).padStart(4)}\n`) // 10 bytes each
  assert.equal(linesOf(file), ['line    9', 'line   10', 'line   11'])
  assert.equal(linesOf(`${file}.1`), ['line    6', 'line    7', 'line    8'])
  assert.equal(linesOf(`${file}.2`), ['line    3', 'line    4', 'line    5'])
  assert.throws(() => statSync(`${file}.3`))
  assert.is(statSync(`${file}.1`).mode & 0o777, 0o600)
  // Both numbers may change while it is open; a line that is longer than a file has one of its own.
  init.keep = 0
  opened.write(`${'x'.repeat(100)}\n`)
  assert.is(linesOf(file).length, 1)
  assert.equal(linesOf(`${file}.1`), ['line    6', 'line    7', 'line    8'])
  opened.close()
})

logFile('a file that cannot be put aside goes on, and is put aside when it can be', () => {
  const opened = openLogFile({ file, maxBytes: 80, keep: 1 })
  mkdirSync(path.join(`${file}.1`, 'in the way'), { recursive: true })
  for (let line = 0; line < 12; line++) opened.write(`line ${String(line).padStart(4)}\n`)
  assert.is(linesOf(file).length, 12)
  assert.is(opened.lost, 0)
  rmSync(`${file}.1`, { recursive: true })
  opened.write('one\n')
  opened.write(`${'x'.repeat(20)}\n`)
  assert.ok(linesOf(`${file}.1`).includes('line   11'))
  opened.close()
})

logFile('lines that are lost are told once, and again when there is room', () => {
  const told: string[] = []
  const opened = openLogFile({
    ...{ file, maxBytes: 4_096, keep: 0 },
    onLost: () => told.push('lost'),
    onFound: (lost) => told.push(`found after ${lost}`),
  })
  const write = fs.writeSync
  try {
    fs.writeSync = () => {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
    }
    syncBuiltinESMExports()
    for (let line = 0; line < 3; line++) opened.write('x\n')
  } finally {
    fs.writeSync = write
    syncBuiltinESMExports()
  }
  for (let line = 0; line < 3; line++) opened.write('y\n')
  assert.equal(told, ['lost', 'found after 3'])
  assert.equal(linesOf(file), ['y', 'y', 'y'])
  opened.close()
})

logFile('a link is refused, and what it leads to stays as it is', () => {
  mkdirSync(path.dirname(file))
  const other = path.join(directory, 'other.txt')
  writeFileSync(other, 'mine', { mode: 0o644 })
  symlinkSync(other, file)
  throwsCode(() => openLogFile({ file, maxBytes: 4_096, keep: 0 }), 'LOG_UNWRITABLE')
  assert.is(readFileSync(other, 'utf8'), 'mine')
})

logFile('a pipe is refused at once', () => {
  mkdirSync(path.dirname(file))
  if (spawnSync('mkfifo', [file]).status !== 0) return
  throwsCode(() => openLogFile({ file, maxBytes: 4_096, keep: 0 }), 'LOG_UNWRITABLE')
})

logFile('a file that was moved away is begun anew when it is opened again', () => {
  const opened = openLogFile({ file, maxBytes: 4_096, keep: 1 })
  opened.write('one\n')
  renameSync(file, `${file}-moved`)
  opened.write('two\n')
  opened.reopen()
  opened.write('three\n')
  opened.close()
  assert.equal(linesOf(`${file}-moved`), ['one', 'two'])
  assert.equal(linesOf(file), ['three'])
})

logFile('what cannot be opened is told at the start; later the one that is open goes on', () => {
  mkdirSync(file, { recursive: true })
  throwsCode(() => openLogFile({ file, maxBytes: 4_096, keep: 1 }), 'LOG_UNWRITABLE')
  const other = path.join(directory, 'other.log')
  const opened = openLogFile({ file: other, maxBytes: 4_096, keep: 1 })
  renameSync(other, `${other}.away`)
  mkdirSync(other)
  opened.reopen()
  opened.write('still\n')
  assert.is(opened.lost, 1)
  assert.equal(linesOf(`${other}.away`), ['still'])
  opened.close()
  opened.write('late\n')
})

logFile.run()
