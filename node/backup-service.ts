/** Backups of the node that runs; what writes them is loaded when somebody asks for one. */
import { VillageError } from './errors.ts'
import { DATA_VERSION } from './migrations.ts'
import type { Store } from './store.ts'

export interface Backups {
  /** The archive. Throws BACKUP_BUSY while another one is taken, and BACKUP_FAILED, also where it is not read for a minute. */
  stream(init: { withArtifacts: boolean }, signal: AbortSignal): AsyncIterable<Uint8Array>
}

const IDLE_MS = 60_000

/** The same pieces; where nobody asks for the next one in time, the source is ended, and what it holds is let go. */
export function whileRead(source: AsyncGenerator<Uint8Array>, idleMs: number): AsyncGenerator<Uint8Array> {
  let timer: NodeJS.Timeout | undefined
  let isExpired = false
  const expire = () => {
    isExpired = true
    source.return(undefined).catch(() => undefined) // its end is told to whoever asks next
  }
  return {
    async next() {
      clearTimeout(timer)
      if (isExpired) throw new VillageError('BACKUP_FAILED', 'Nobody read the backup for a minute')
      const piece = await source.next()
      if (piece.done !== true) timer = setTimeout(expire, idleMs).unref()
      return piece
    },
    return(value) {
      clearTimeout(timer)
      return source.return(value)
    },
    throw(error) {
      clearTimeout(timer)
      return source.throw(error)
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return(undefined)
    },
  }
}

export function createBackups(
  { store }: { store: Pick<Store, 'db'> },
  init: { directory: string; peer: string; program: string; idleMs?: number },
): Backups {
  let isTaken = false
  async function* taken(withArtifacts: boolean, signal: AbortSignal) {
    if (isTaken) throw new VillageError('BACKUP_BUSY')
    isTaken = true
    try {
      const { writeBackup } = await import('./backup.ts')
      yield* writeBackup(store, { ...init, withArtifacts, dataVersion: DATA_VERSION }, signal)
    } finally {
      isTaken = false
    }
  }
  return {
    stream: ({ withArtifacts }, signal) => whileRead(taken(withArtifacts, signal), init.idleMs ?? IDLE_MS),
  }
}
