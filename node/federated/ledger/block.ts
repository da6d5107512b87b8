/**
 * The links of the chain of a run: what was said, in the order in which it counts. Height 0 is the announcement itself; the parent of block 1
 * is its hash. A block says nothing about its own effect: every member computes the state of the run from the blocks.
 */
import { publicKeyOf } from '../../mesh/membership/keys.ts'
import {
  decodeCanonical,
  encodeCanonical,
  fromHex,
  malformed,
  readBytes,
  readHash,
  readInteger,
  readList,
  readPeer,
  readTuple,
  sha256,
} from './codec.ts'
import { MAX_STATEMENT_BYTES, type SignedStatement } from './statement.ts'
import { checkStatement } from './statement-codec.ts'
import { type Certificate, MAX_HEIGHT, MAX_VIEW } from './vote.ts'

export const MAX_BLOCK_BYTES = 2 ** 20
/** Each costs its readers the check of a signature, about 0.1 ms: a block must not hold up the event loop. */
const MAX_BLOCK_STATEMENTS = 256
export const RUN_ID_BYTES = 16
/** The last moment that dates of ECMAScript can say. */
export const MAX_TIME_MS = 8.64e15
/** How far the clock of a block may be ahead of that of a voter. */
export const MAX_AHEAD_MS = 10_000

export interface BlockContent {
  /** Hex id of the run. */
  readonly run: string
  /** From 1. */
  readonly height: number
  /** Hex hash of the block below; of the announcement below block 1. */
  readonly parent: string
  /** Clock of the run: that of the proposer, never less than the parent's. */
  readonly timeMs: number
  /** Peer ID of who made it. A later coordinator that proposes it again does not change it. */
  readonly proposer: string
  /** In which it was proposed first. */
  readonly view: number
  readonly statements: readonly SignedStatement[]
}

export interface Block extends BlockContent {
  readonly bytes: Uint8Array
  /** Hex SHA-256 of `bytes`. */
  readonly hash: string
}

/** A block that is final. */
export interface CertifiedBlock {
  readonly block: Block
  readonly certificate: Certificate
}

/** Throws LEDGER_MALFORMED where it gets too large: take fewer statements (`fitStatements`). */
export function createBlock(content: BlockContent): Block {
  const bytes = encodeCanonical([
    fromHex(content.run),
    content.height,
    fromHex(content.parent),
    content.timeMs,
    publicKeyOf(content.proposer),
    content.view,
    content.statements.map((statement) => statement.bytes),
  ])
  if (bytes.byteLength > MAX_BLOCK_BYTES || content.statements.length > MAX_BLOCK_STATEMENTS)
    throw malformed('a block is too large')
  return { ...content, bytes, hash: sha256(bytes) }
}

/** As many of the statements, from the first on, as one block can hold. */
export function fitStatements(statements: readonly SignedStatement[]): SignedStatement[] {
  // Each costs at most 5 bytes of framing; everything else of a block is below 256 bytes.
  let leftBytes = MAX_BLOCK_BYTES - 256
  const fitting: SignedStatement[] = []
  for (const statement of statements.slice(0, MAX_BLOCK_STATEMENTS)) {
    leftBytes -= statement.bytes.byteLength + 5
    if (leftBytes < 0) break
    fitting.push(statement)
  }
  return fitting
}

/**
 * Reads a block that came from a peer or a disk: its form, its limits, and the form and signature of every statement in it.
 * Whether it fits the chain is for ledger/verify.ts. Throws LEDGER_MALFORMED or LEDGER_UNSIGNED.
 */
export function checkBlock(bytes: Uint8Array): Block {
  const [runBytes, height, parent, timeMs, proposer, view, list] = readTuple(
    decodeCanonical(bytes, MAX_BLOCK_BYTES, 'a block'),
    7,
    'a block',
  )
  const run = Buffer.from(readBytes(runBytes, RUN_ID_BYTES, RUN_ID_BYTES, 'the run of a block')).toString(
    'hex',
  )
  const statements = readList(list, MAX_BLOCK_STATEMENTS, 'the statements of a block').map((statement) =>
    checkStatement(run, readBytes(statement, 1, MAX_STATEMENT_BYTES, 'a statement')),
  )
  if (new Set(statements.map(({ digest }) => digest)).size !== statements.length)
    throw malformed('a statement stands in a block twice')
  return {
    run,
    height: readInteger(height, 1, MAX_HEIGHT, 'the height of a block'),
    parent: readHash(parent, 'the parent of a block'),
    timeMs: readInteger(timeMs, 0, MAX_TIME_MS, 'the time of a block'),
    proposer: readPeer(proposer, 'the proposer of a block'),
    view: readInteger(view, 0, MAX_VIEW, 'the view of a block'),
    statements,
    bytes: Uint8Array.from(bytes),
    hash: sha256(bytes),
  }
}
