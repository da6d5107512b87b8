import { type DestinationStream, type Logger, pino } from 'pino'

/** Logs are for operators: a constant message plus fields, JSON lines. Text from the network only at debug. */
export type Log = Logger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

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

export function createLog(init: { level: LogLevel; destination?: DestinationStream }): Log {
  return pino(
    {
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
}
