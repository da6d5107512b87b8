/**
 * The one error class and the table of its codes.
 *
 * Every failure that a person or a program can meet has a row here: `http` is the status that the API answers with,
 * `title` says what went wrong and `fix` says what to do about it. docs/errors.md is checked against this table.
 * Groups are ordered by domain; add a code to its group.
 */
export const ERRORS = {
  // general
  INTERNAL: {
    http: 500,
    title: 'Something failed inside the daemon',
    fix: 'Read the log; report it if it happens again.',
  },
  INVALID_ARGUMENT: {
    http: 400,
    title: 'An argument is not valid',
    fix: 'Correct the named argument and try again.',
  },
  NOT_FOUND: {
    http: 404,
    title: 'There is no such thing',
    fix: 'Check the name or id; the list command shows what there is.',
  },
  ABORTED: {
    http: 499,
    title: 'The operation was cancelled',
    fix: 'Nothing to do; start it again if it was not meant.',
  },
  TIMEOUT: {
    http: 504,
    title: 'The operation took too long',
    fix: 'Try again; raise the limit if it happens on a slow machine.',
  },
  SHUTTING_DOWN: { http: 503, title: 'The daemon is shutting down', fix: 'Try again after it has started.' },

  // config
  CONFIG_UNKNOWN_KEY: {
    http: 400,
    title: 'The configuration has a key that does not exist',
    fix: 'Use the suggested key, or remove it.',
  },
  CONFIG_INVALID_VALUE: {
    http: 400,
    title: 'A configuration value is not valid',
    fix: 'Correct the value; `village start --help` lists keys, units and ranges.',
  },
  CONFIG_UNREADABLE: {
    http: 400,
    title: 'The configuration file cannot be read',
    fix: 'Check that the file exists, may be read and is JSON.',
  },

  // store and disk
  DATA_DIR_LOCKED: {
    http: 409,
    title: 'Another daemon uses this data directory',
    fix: 'Stop the other daemon, or start this one with another --data.dir.',
  },
  DATA_DIR_READ_ONLY: {
    http: 500,
    title: 'The data directory cannot be written',
    fix: 'Give the user write permission, or choose another --data.dir.',
  },
  DATA_VERSION_UNSUPPORTED: {
    http: 500,
    title: 'The data directory was written by a newer version',
    fix: 'Update the daemon, or use another --data.dir.',
  },
  DATA_CORRUPT: {
    http: 500,
    title: 'Stored data is damaged',
    fix: 'Restore the data directory from a backup, or move it away and start anew.',
  },
  DISK_FULL: {
    http: 507,
    title: 'The disk or the configured disk share is full',
    fix: 'Free space, run `village artifact gc`, or raise resources.maxDiskBytes.',
  },
  IDENTITY_INVALID: {
    http: 500,
    title: 'The key file of this node is not valid',
    fix: 'Restore identity.key from a backup; deleting it gives the node a new identity.',
  },

  // protocols
  PROTOCOL_MALFORMED: {
    http: 502,
    title: 'A peer sent something that its protocol does not allow',
    fix: 'Update both daemons; if it goes on, revoke the peer.',
  },
  PROTOCOL_FRAME_TOO_LARGE: {
    http: 502,
    title: 'A frame is larger than its protocol allows',
    fix: 'Update both daemons; if it goes on, revoke the peer.',
  },
  PROTOCOL_UNEXPECTED_END: {
    http: 502,
    title: 'A peer ended a stream too early',
    fix: 'Try again; another provider is used where there is one.',
  },
  PEER_DISCONNECTED: {
    http: 502,
    title: 'The connection to a peer was lost',
    fix: 'Try again when the peer is back; `village peers` shows who is connected.',
  },
  PEER_UNREACHABLE: {
    http: 502,
    title: 'A peer cannot be reached',
    fix: 'Check that it runs and that its address and port can be reached from here.',
  },
  PEER_BUSY: {
    http: 503,
    title: 'A peer refused more work for now',
    fix: 'Nothing to do: the request is repeated later.',
  },
} as const satisfies Record<string, { http: number; title: string; fix: string }>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorOptions {
  cause?: unknown
  /** Machine-readable facts (never secrets): they go to the log and to the `fields` member of problem details. */
  fields?: Record<string, string | number | boolean | null>
}

/** The error that this project throws. `message` is one sentence about this occurrence; `code` is its row in ERRORS. */
export class VillageError extends Error {
  override readonly name = 'VillageError'
  readonly code: ErrorCode
  readonly fields: Record<string, string | number | boolean | null>

  constructor(code: ErrorCode, message: string = ERRORS[code].title, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fields = options.fields ?? {}
  }

  get http(): number {
    return ERRORS[this.code].http
  }

  get fix(): string {
    return ERRORS[this.code].fix
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text)
}

/** Turns anything thrown into a VillageError: known system errors get their own code, the rest is INTERNAL. */
export function toVillageError(error: unknown): VillageError {
  if (error instanceof VillageError) return error
  if (!(error instanceof Error)) return new VillageError('INTERNAL', String(error), { cause: error })
  const systemCode = (error as NodeJS.ErrnoException).code
  if (error.name === 'AbortError') return new VillageError('ABORTED', undefined, { cause: error })
  if (error.name === 'TimeoutError') return new VillageError('TIMEOUT', undefined, { cause: error })
  if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT')
    return new VillageError('DISK_FULL', undefined, { cause: error })
  if (systemCode === 'EROFS' || systemCode === 'EACCES')
    return new VillageError('DATA_DIR_READ_ONLY', error.message, { cause: error })
  return new VillageError('INTERNAL', error.message, { cause: error })
}
