/**
 * A whole ledger as one file, which anybody can verify who has nothing else: `village ledger export` and `village ledger verify FILE`. DAG-CBOR of
 * ["aivillage-ledger", version, announcement, [[block, certificate], …]].
 */
import { MAX_ANNOUNCEMENT_BYTES } from './announcement.ts'
import { MAX_BLOCK_BYTES } from './block.ts'
import {
  decodeCanonical,
  encodeCanonical,
  malformed,
  readBytes,
  readInteger,
  readList,
  readTuple,
} from './codec.ts'
import type { LedgerEntry } from './ledger-store.ts'
import { MAX_CERTIFICATE_BYTES } from './vote.ts'

const MAGIC = 'aivillage-ledger'
const VERSION = 1
export const MAX_ARCHIVE_BYTES = 2 ** 29
const MAX_BLOCKS = 2 ** 20

export interface LedgerArchive {
  readonly announcement: Uint8Array
  readonly blocks: readonly LedgerEntry[]
}

export function encodeArchive({ announcement, blocks }: LedgerArchive): Uint8Array {
  const entries = blocks.map(({ block, certificate }) => [block, certificate])
  return encodeCanonical([MAGIC, VERSION, announcement, entries])
}

/** Takes it apart; whether it is a ledger is for `verifyLedger`. Throws LEDGER_MALFORMED. */
export function decodeArchive(bytes: Uint8Array): LedgerArchive {
  const [magic, version, announcement, list] = readTuple(
    decodeCanonical(bytes, MAX_ARCHIVE_BYTES, 'the file'),
    4,
    'the file',
  )
  if (magic !== MAGIC) throw malformed('the file is no ledger')
  readInteger(version, VERSION, VERSION, 'the version of the file')
  return {
    announcement: readBytes(announcement, 1, MAX_ANNOUNCEMENT_BYTES, 'the announcement'),
    blocks: readList(list, MAX_BLOCKS, 'the blocks').map((entry) => {
      const [block, certificate] = readTuple(entry, 2, 'a block')
      return {
        block: readBytes(block, 1, MAX_BLOCK_BYTES, 'a block'),
        certificate: readBytes(certificate, 1, MAX_CERTIFICATE_BYTES, 'a certificate'),
      }
    }),
  }
}
