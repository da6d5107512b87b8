/** The log of a daemon and its live configuration: the one follows the other. */
import type { Config } from './config.ts'
import { createLiveConfig, type LiveConfig } from './config-live.ts'
import { createLog, type Log, setLogLevel } from './log.ts'
import { openLogFile } from './log-file.ts'
import type { LogLevel } from './log-levels.ts'

export interface DaemonLog {
  readonly log: Log
  readonly live: LiveConfig
  /** Opens the file of the log again, where it has one. */
  reopen(): void
  /** Since the start, for want of room or of the right to write; 0 where the log is no file. */
  lostLines(): number
  close(): void
}

/** Throws LOG_UNWRITABLE. */
export function openDaemonLog(config: Config): DaemonLog {
  let present = config
  const file =
    config['log.file'] === null
      ? null
      : openLogFile({
          file: config['log.file'],
          get maxBytes() {
            return present['log.maxBytes']
          },
          get keep() {
            return present['log.keep']
          },
          onLost: ({ message }) =>
            void process.stderr.write(`village: lines of the log are lost: ${message}\n`),
          onFound: (lines) => log.error({ lines }, 'lines of the log were lost'),
        })
  const log: Log = createLog({
    level: config['log.level'] as LogLevel,
    ...(file === null ? {} : { destination: file }),
  })
  const live = createLiveConfig({ log }, config)
  present = live.config
  live.onChange(['log.level'], () => setLogLevel(log, live.config['log.level'] as LogLevel))
  return {
    log,
    live,
    reopen() {
      file?.reopen()
      if (file !== null && file.lost > 0) log.error({ lines: file.lost }, 'lines of the log were lost')
    },
    lostLines: () => file?.lost ?? 0,
    close: () => file?.close(),
  }
}
