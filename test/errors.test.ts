import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ERRORS, isErrorCode, toVillageError, VillageError } from '../node/errors.ts'

const errors = suite('errors')

errors('every row can be shown to a person', () => {
  for (const [code, row] of Object.entries(ERRORS)) {
    assert.match(code, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/)
    assert.ok(Number.isInteger(row.http) && row.http >= 400 && row.http <= 599, `${code}: HTTP ${row.http}`)
    assert.match(row.title, /^[A-Z].*[^.]$/, `${code}: the title is a sentence without its full stop`)
    assert.match(row.fix, /^[A-Z`].*\.$/s, `${code}: the fix is a sentence`)
    assert.ok(row.title.length <= 120 && row.fix.length <= 240, `${code} is short`)
  }
})

errors('a VillageError takes its row, and its own sentence, cause and fields', () => {
  const plain = new VillageError('NOT_FOUND')
  assert.is(plain.message, ERRORS.NOT_FOUND.title)
  assert.is(plain.http, 404)
  assert.is(plain.fix, ERRORS.NOT_FOUND.fix)
  assert.equal(plain.fields, {})
  assert.not('cause' in plain)
  const cause = new Error('below')
  const full = new VillageError('DISK_FULL', 'The disk of this box is full', {
    cause,
    fields: { freeBytes: 0 },
  })
  assert.is(full.name, 'VillageError')
  assert.is(full.message, 'The disk of this box is full')
  assert.is(full.cause, cause)
  assert.equal(full.fields, { freeBytes: 0 })
  assert.instance(full, Error)
})

errors('only rows are codes', () => {
  assert.ok(isErrorCode('INTERNAL'))
  for (const text of ['', 'internal', 'toString', '__proto__', 'constructor']) assert.not(isErrorCode(text))
})

const system = (code: string) => Object.assign(new Error(`${code}: it failed`), { code })

/** What is thrown, and the code that it becomes. */
const TRANSLATIONS: readonly [string, unknown, keyof typeof ERRORS][] = [
  ['an abort', AbortSignal.abort().reason, 'ABORTED'],
  ['a time-out', new DOMException('late', 'TimeoutError'), 'TIMEOUT'],
  ['no space', system('ENOSPC'), 'DISK_FULL'],
  ['no quota', system('EDQUOT'), 'DISK_FULL'],
  ['a read-only file system', system('EROFS'), 'DATA_DIR_READ_ONLY'],
  ['no permission', system('EACCES'), 'DATA_DIR_READ_ONLY'],
  ['another system error', system('EIO'), 'INTERNAL'],
  ['an error', new TypeError('x is not a function'), 'INTERNAL'],
  ['a text', 'oops', 'INTERNAL'],
  ['nothing', undefined, 'INTERNAL'],
]
for (const [name, thrown, code] of TRANSLATIONS)
  errors(`${name} becomes ${code}`, () => {
    const error = toVillageError(thrown)
    assert.is(error.code, code)
    if (thrown !== undefined) assert.is(error.cause, thrown)
  })

errors('a VillageError stays itself', () => {
  const error = new VillageError('TIMEOUT')
  assert.is(toVillageError(error), error)
})

errors.run()
