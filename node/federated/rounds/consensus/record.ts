/**
 * What a member must not forget about the height that is being decided: what it has signed, what it is locked on. It is on the disk before a
 * vote leaves the node, so that a member that was killed never says the opposite of what it said before.
 */
import { type Block, checkBlock, MAX_BLOCK_BYTES } from '../../ledger/block.ts'
import {
  type CborValue,
  decodeCanonical,
  encodeCanonical,
  fromHex,
  readBytes,
  readHash,
  readInteger,
  readList,
  readTuple,
} from '../../ledger/codec.ts'
import { MAX_HEIGHT, MAX_VIEW, readVote, type SignedVote, voteFields } from '../../ledger/vote.ts'
import { type IndexedSignature, readSignatures, signatureFields } from './messages.ts'

export interface HeightRecord {
  readonly height: number
  /** Highest view entered. */
  readonly view: number
  /** Own votes of this view and the one before it. */
  readonly votes: readonly SignedVote[]
  /** `lockedValue` and `lockedRound` of the paper. */
  readonly locked: { readonly view: number; readonly hash: string } | null
  /** `validValue` and `validRound`, with the quorum of prevotes that makes it valid. */
  readonly valid: {
    readonly view: number
    readonly block: Block
    readonly prevotes: readonly IndexedSignature[]
  } | null
  /** What belongs to the own proposal among `votes`. */
  readonly proposed: { readonly block: Block; readonly prevotes: readonly IndexedSignature[] } | null
}

const MAX_OWN_VOTES = 6
const MAX_RECORD_BYTES = 2 * MAX_BLOCK_BYTES + 16_384

export function encodeRecord(record: HeightRecord): Uint8Array {
  const { locked, valid, proposed } = record
  const validFields: CborValue =
    valid === null ? null : [valid.view, valid.block.bytes, signatureFields(valid.prevotes)]
  return encodeCanonical([
    record.height,
    record.view,
    record.votes.map(voteFields),
    locked === null ? null : [locked.view, fromHex(locked.hash)],
    validFields,
    proposed === null ? null : [proposed.block.bytes, signatureFields(proposed.prevotes)],
  ])
}

/** Throws LEDGER_MALFORMED or LEDGER_UNSIGNED: then what was promised is unknown, and the member must not vote at this height. */
export function decodeRecord(bytes: Uint8Array): HeightRecord {
  const [height, view, votes, locked, valid, proposed] = readTuple(
    decodeCanonical(bytes, MAX_RECORD_BYTES, 'a record of votes'),
    6,
    'a record of votes',
  )
  const readBlock = (value: unknown) => checkBlock(readBytes(value, 1, MAX_BLOCK_BYTES, 'a block'))
  const readView = (value: unknown) => readInteger(value, 0, MAX_VIEW, 'a view')
  const readLocked = (value: unknown) => {
    const [lockedView, hash] = readTuple(value, 2, 'a lock')
    return { view: readView(lockedView), hash: readHash(hash, 'a locked block') }
  }
  const readValid = (value: unknown) => {
    const [validView, block, prevotes] = readTuple(value, 3, 'a valid block')
    return { view: readView(validView), block: readBlock(block), prevotes: readSignatures(prevotes) }
  }
  const readProposed = (value: unknown) => {
    const [block, prevotes] = readTuple(value, 2, 'a proposal')
    return { block: readBlock(block), prevotes: readSignatures(prevotes) }
  }
  return {
    height: readInteger(height, 1, MAX_HEIGHT, 'the height of a record'),
    view: readView(view),
    votes: readList(votes, MAX_OWN_VOTES, 'the votes of a record').map(readVote),
    locked: locked === null ? null : readLocked(locked),
    valid: valid === null ? null : readValid(valid),
    proposed: proposed === null ? null : readProposed(proposed),
  }
}
