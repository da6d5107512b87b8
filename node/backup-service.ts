/** Backups of the node that runs; what writes them is loaded when somebody asks for one. */
import { VillageError } from './errors.ts'
import { DATA_VERSION } from './migrations.ts'
import type { Store } from './store.ts'

export interface Backups {
  /** The archive. Throws BACKUP_FAILED, also while another one is taken. */
  stream(init: { withArtifacts: boolean }, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export function createBackups(
  { store }: { store: Pick<Store, 'db'> },
  init: { directory: string; peer: string; program: string },
): Backups {
  let isTaken = false
  return {
    async *stream({ withArtifacts }, signal) {
      if (isTaken) throw new VillageError('BACKUP_FAILED', 'Another backup of this node is being taken')
      isTaken = true
      try {
        const { writeBackup } = await import('./backup.ts')
        yield* writeBackup(store, { ...init, withArtifacts, dataVersion: DATA_VERSION }, signal)
      } finally {
        isTaken = false
      }
    },
  }
}
