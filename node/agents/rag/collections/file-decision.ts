/** Whether a file has to be read again, by what was noted when it was read last. */
import type { SourceFile } from '../ingest/parsed-file.ts'
import type { FileRow } from './file-ledger.ts'
import type { IndexRun } from './index-run.ts'

/** Clocks of file systems are coarse: FAT's counts two seconds, those that tell fractions tick every few milliseconds. */
const COARSE_MS = 2_000
const FINE_MS = 20

/** Whether a change after `readAtMs` could leave the time of the file as it is. */
export function isFreshAt(modifiedAtMs: number, readAtMs: number): boolean {
  return readAtMs - modifiedAtMs < (modifiedAtMs % 1_000 === 0 ? COARSE_MS : FINE_MS)
}

export type FileDecision = 'read' | 'unchanged' | 'unreadable'

/** `unreadable`: it could not be read before, and is the same; who asks for it by hand has it tried again. */
export function decideFile(
  row: FileRow | undefined,
  file: Pick<SourceFile, 'sizeBytes' | 'modifiedAtMs'>,
  run: { readonly trigger: IndexRun['trigger']; readonly language: string | null },
): FileDecision {
  if (row === undefined || !row.isSettled || row.isFresh) return 'read'
  if (row.sizeBytes !== file.sizeBytes || row.modifiedAtMs !== file.modifiedAtMs) return 'read'
  if (row.language !== run.language) return 'read'
  if (run.trigger === 'request' && (row.excluded > 0 || row.problem !== null)) return 'read'
  return row.problem === null || row.documents > 0 ? 'unchanged' : 'unreadable'
}
