import type { ErrorCode } from '../errors.ts'

/** What the process ends with; scripts rely on these. */
export const EXIT_CODES = {
  ok: { code: 0, doc: 'it worked' },
  failure: { code: 1, doc: 'it did not work; the error says why' },
  usage: { code: 2, doc: 'the command line or the configuration is not valid' },
  notRunning: { code: 3, doc: 'no daemon runs on the data directory' },
  jobFailed: { code: 4, doc: 'the job that was waited for failed or was cancelled' },
  interrupted: { code: 130, doc: 'it was interrupted (Ctrl-C)' },
} as const

const USAGE_CODES: readonly ErrorCode[] = [
  'USAGE',
  'CONFIRMATION_NEEDED',
  'INVALID_ARGUMENT',
  'CONFIG_UNKNOWN_KEY',
  'CONFIG_INVALID_VALUE',
  'CONFIG_UNREADABLE',
  'EVOLVE_CONFIG_INVALID',
  'FEDERATION_CONFIG_INVALID',
]

export function exitCodeOf(code: ErrorCode): number {
  if (USAGE_CODES.includes(code)) return EXIT_CODES.usage.code
  if (code === 'DAEMON_NOT_RUNNING') return EXIT_CODES.notRunning.code
  if (code === 'ABORTED') return EXIT_CODES.interrupted.code
  return EXIT_CODES.failure.code
}
