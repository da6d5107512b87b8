import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../node/errors.ts'
import { createLog } from '../node/log.ts'
import { LOG_LEVELS, type LogLevel } from '../node/log-levels.ts'

const SECRET = 'hush-4711'
const log = suite('log')

function capture(level: LogLevel) {
  const lines: string[] = []
  return { lines, log: createLog({ level, destination: { write: (line) => void lines.push(line) } }) }
}

log('JSON lines with a constant message, fields and a time', () => {
  const { lines, log: target } = capture('info')
  target.info({ peer: 'a', sizeBytes: 5 }, 'peer connected')
  assert.is(lines.length, 1)
  const line = JSON.parse(lines[0]!) as Record<string, unknown>
  assert.equal(Object.keys(line).sort(), ['level', 'msg', 'peer', 'sizeBytes', 'time'])
  assert.is(line.msg, 'peer connected')
  assert.match(String(line.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

log('line breaks and control characters of a peer cannot forge a line', () => {
  const { lines, log: target } = capture('debug')
  target.debug({ name: 'a\n{"level":60,"msg":"forged"}\u001b[31m' }, 'member named itself')
  assert.is(lines.length, 1)
  assert.is(lines[0]!.trimEnd().split('\n').length, 1)
  assert.not.match(lines[0]!, '\u001b')
})

log('the level holds', () => {
  for (const level of LOG_LEVELS) {
    const { lines, log: target } = capture(level)
    for (const method of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) target[method](method)
    assert.is(lines.length, Math.max(0, 6 - LOG_LEVELS.indexOf(level)), level)
  }
})

const SECRET_NAMES = [
  'token',
  'psk',
  'privateKey',
  'invite',
  'secret',
  'authorization',
  'cookie',
  'password',
  'apiKey',
]
for (const name of SECRET_NAMES)
  log(`${name} is never written`, () => {
    const { lines, log: target } = capture('trace')
    target.info({ [name]: SECRET }, 'flat')
    target.info({ request: { [name]: SECRET } }, 'one level down')
    target.info({ req: { headers: { [name]: SECRET } } }, 'two levels down')
    target.child({ [name]: SECRET }).info('of a child')
    target.error(
      { err: new VillageError('INTERNAL', undefined, { fields: { [name]: SECRET } }) },
      'in an error',
    )
    assert.is(lines.length, 5)
    for (const line of lines) {
      assert.not.match(line, SECRET)
      assert.match(line, '[secret]')
    }
  })

log('an error is written with its code, message and cause', () => {
  const { lines, log: target } = capture('error')
  const cause = new Error('below')
  target.error({ err: new VillageError('DISK_FULL', 'No room', { cause }) }, 'artifact not stored')
  const { err } = JSON.parse(lines[0]!) as { err: { code: string; message: string } }
  assert.is(err.code, 'DISK_FULL')
  assert.match(err.message, 'No room')
  assert.match(lines[0]!, 'below')
})

log.run()
