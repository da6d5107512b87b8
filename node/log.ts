import { type DestinationStream, type Logger, pino } from 'pino'
import type { LogLevel } from './log-levels.ts'

/** Logs are for operators: a constant message plus fields, JSON lines. Text from the network only at debug. */
export type Log = Logger

/** Never written where they appear in a field object, down to the third level (`req.headers.authorization`). */
const SECRET_FIELDS = [
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

/** Loggers of services by the log that they came from: pino gives each a level of its own. */
const children = new WeakMap<Log, WeakRef<Log>[]>()

/** Of the log and of all that were made from it. */
export function setLogLevel(log: Log, level: LogLevel): void {
  log.level = level
  for (const child of children.get(log) ?? []) {
    const known = child.deref()
    if (known !== undefined) known.level = level
  }
}

export function createLog(init: { level: LogLevel; destination?: DestinationStream }): Log {
  const made: WeakRef<Log>[] = []
  const log = pino(
    {
      // Services make one each, at the start.
      onChild: (child) => void made.push(new WeakRef(child)),
      level: init.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[secret]',
      },
    },
    init.destination ?? pino.destination({ dest: 2, sync: true }),
  )
  children.set(log, made)
  return log
}
