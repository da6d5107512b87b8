/**
 * Statements as bytes: [code of the kind, key of the author, fields of the kind, signature]. The signature covers [run, code, author, fields],
 * so that a statement means nothing in another run, and the run need not stand in each.
 */
import {
  isSigned,
  PUBLIC_KEY_BYTES,
  peerOf,
  publicKeyOf,
  SIGNATURE_BYTES,
  type Signer,
} from '../../mesh/membership/keys.ts'
import {
  type CborValue,
  decodeCanonical,
  encodeCanonical,
  fromHex,
  malformed,
  readBytes,
  readInteger,
  readTuple,
  sha256,
  unsigned,
} from './codec.ts'
import { MAX_STATEMENT_BYTES, type SignedStatement, type Statement } from './statement.ts'
import { kindOfCode, STATEMENT_FIELDS } from './statement-fields.ts'
import { areContradictory, isVoteOf } from './vote.ts'

export const STATEMENT_DOMAIN = 'aivillage/rounds/statement/v1'
const SCORES_DOMAIN = 'aivillage/rounds/scores/v1'

const signedBytes = (run: string, code: number, author: Uint8Array, fields: readonly CborValue[]) =>
  encodeCanonical([fromHex(run), code, author, fields])

/** Throws LEDGER_MALFORMED where the author is not the signer, and for what no peer would take. */
export function signStatement(signer: Signer, run: string, statement: Statement): SignedStatement {
  if (statement.author !== peerOf(signer.publicKey)) throw malformed('the author is not who signs')
  const { code, fields } = fieldsOf(statement)
  const signature = signer.sign(STATEMENT_DOMAIN, signedBytes(run, code, signer.publicKey, fields))
  return checkStatement(run, encodeCanonical([code, signer.publicKey, fields, signature]))
}

function fieldsOf(statement: Statement): { code: number; fields: CborValue[] } {
  const row = STATEMENT_FIELDS[statement.kind]
  // The row of a kind takes statements of that kind: TypeScript does not follow the pairing through the table.
  return { code: row.code, fields: (row.write as (statement: Statement) => CborValue[])(statement) }
}

/**
 * Reads a statement that came from a peer: form, limits, signature; of a proof also the two votes. Whether it may stand in the next block is
 * for the state machine of the run. Throws LEDGER_MALFORMED or LEDGER_UNSIGNED.
 */
export function checkStatement(run: string, bytes: Uint8Array): SignedStatement {
  const [code, author, fields, signature] = readTuple(
    decodeCanonical(bytes, MAX_STATEMENT_BYTES, 'a statement'),
    4,
    'a statement',
  )
  const kind = kindOfCode(readInteger(code, 0, 255, 'the kind of a statement'))
  const key = readBytes(author, PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES, 'the author of a statement')
  const row = STATEMENT_FIELDS[kind]
  const statement: Statement = row.read(peerOf(key), readTuple(fields, row.length, `a ${kind} statement`))
  const signed = signedBytes(run, row.code, key, fieldsOf(statement).fields)
  if (
    !isSigned(
      key,
      STATEMENT_DOMAIN,
      signed,
      readBytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, 'a signature'),
    )
  )
    throw unsigned('a statement is not signed by its author')
  if (statement.kind === 'proof') {
    const [first, second] = statement.votes
    if (!areContradictory(first, second)) throw malformed('a proof has two votes that do not contradict')
    if (!statement.votes.every((vote) => isVoteOf(statement.voter, run, vote)))
      throw unsigned('the votes of a proof are not signed by whom it accuses')
  }
  return { statement, bytes: Uint8Array.from(bytes), digest: sha256(bytes) }
}

/** What a scorer commits to: hex SHA-256 of the canonical encoding of everything that it will reveal. */
export function scoreDigest(init: {
  readonly run: string
  readonly scorer: string
  readonly generation: number
  readonly slot: number
  readonly nonce: Uint8Array
  readonly values: Uint8Array
}): string {
  return sha256(
    encodeCanonical([
      SCORES_DOMAIN,
      fromHex(init.run),
      publicKeyOf(init.scorer),
      init.generation,
      init.slot,
      init.nonce,
      init.values,
    ]),
  )
}
