/**
 * What members of the committee sign to agree on the block of a height (arXiv 1807.04938, algorithm 1). One form serves the three steps, so
 * that two votes of one voter for one height, view and step prove a lie whatever the step was.
 */
import { isSigned, publicKeyOf, SIGNATURE_BYTES, type Signer } from '../../mesh/membership/keys.ts'
import {
  type CborValue,
  decodeCanonical,
  encodeCanonical,
  fromHex,
  malformed,
  readBytes,
  readHash,
  readInteger,
  readList,
  readTuple,
} from './codec.ts'
import { type Committee, quorumOf } from './committee.ts'

const VOTE_DOMAIN = 'aivillage/rounds/vote/v1'
export const MAX_HEIGHT = 2 ** 32
export const MAX_VIEW = 2 ** 32
export const MAX_COMMITTEE = 64
/** Array frames and numbers of at most 6 bytes each beside a hash and a signature. */
const MAX_VOTE_BYTES = 160
export const MAX_CERTIFICATE_BYTES = 16 + MAX_COMMITTEE * (SIGNATURE_BYTES + 8)

/** In this order: the code of a step is its place. */
export const STEPS = ['propose', 'prevote', 'precommit'] as const
export type Step = (typeof STEPS)[number]

export interface Vote {
  readonly height: number
  readonly view: number
  readonly step: Step
  /** Hex hash of the block; null: none (never null where the step is `propose`). */
  readonly hash: string | null
  /** Of a `propose`: the earlier view in which a quorum prevoted for this block, or null. Null in the other steps. */
  readonly validView: number | null
}

export interface SignedVote extends Vote {
  readonly signature: Uint8Array
}

export interface Certificate {
  /** In which the precommits were given: the view of the block or a later one. */
  readonly view: number
  /** Precommits by index of the voter in the committee (its order at this height), indexes rising. */
  readonly votes: readonly { readonly voter: number; readonly signature: Uint8Array }[]
}

const fieldsOf = (vote: Vote): CborValue[] => [
  vote.height,
  vote.view,
  STEPS.indexOf(vote.step),
  vote.hash === null ? null : fromHex(vote.hash),
  vote.validView,
]

/** What is signed: the run's id and the fields of the vote. */
function signedBytes(run: string, vote: Vote): Uint8Array {
  return encodeCanonical([fromHex(run), ...fieldsOf(vote)])
}

export function signVote(signer: Signer, run: string, vote: Vote): SignedVote {
  return { ...vote, signature: Uint8Array.from(signer.sign(VOTE_DOMAIN, signedBytes(run, vote))) }
}

export function isVoteOf(voter: string, run: string, vote: SignedVote): boolean {
  return isSigned(publicKeyOf(voter), VOTE_DOMAIN, signedBytes(run, vote), vote.signature)
}

/** As an element of a larger record. */
export const voteFields = (vote: SignedVote): CborValue[] => [...fieldsOf(vote), vote.signature]

/** Throws LEDGER_MALFORMED; the signature is not checked. */
export function readVote(value: unknown): SignedVote {
  const [height, view, stepCode, hash, validView, signature] = readTuple(value, 6, 'a vote')
  const step = STEPS[readInteger(stepCode, 0, STEPS.length - 1, 'the step of a vote')]!
  const vote = {
    height: readInteger(height, 1, MAX_HEIGHT, 'the height of a vote'),
    view: readInteger(view, 0, MAX_VIEW, 'the view of a vote'),
    step,
    hash: hash === null ? null : readHash(hash, 'the block of a vote'),
    validView:
      validView === null ? null : readInteger(validView, 0, MAX_VIEW, 'the valid view of a proposal'),
    signature: readBytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, 'the signature of a vote'),
  }
  if (step === 'propose' ? vote.hash === null : vote.validView !== null)
    throw malformed('a vote has fields of another step')
  if (vote.validView !== null && vote.validView >= vote.view)
    throw malformed('the valid view of a proposal is not an earlier one')
  return vote
}

export const encodeVote = (vote: SignedVote): Uint8Array => encodeCanonical(voteFields(vote))

/** Throws LEDGER_MALFORMED; the signature is not checked (`isVoteOf`). */
export const decodeVote = (bytes: Uint8Array): SignedVote =>
  readVote(decodeCanonical(bytes, MAX_VOTE_BYTES, 'a vote'))

/** Whether two votes are of one height, view and step and yet not the same: whoever signed both has lied. */
export function areContradictory(a: Vote, b: Vote): boolean {
  return (
    a.height === b.height &&
    a.view === b.view &&
    a.step === b.step &&
    (a.hash !== b.hash || a.validView !== b.validView)
  )
}

export function encodeCertificate(certificate: Certificate): Uint8Array {
  return encodeCanonical([
    certificate.view,
    certificate.votes.map(({ voter, signature }) => [voter, signature]),
  ])
}

/** Throws LEDGER_MALFORMED; signatures are not checked (`isCertified`). */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  const [view, list] = readTuple(
    decodeCanonical(bytes, MAX_CERTIFICATE_BYTES, 'a certificate'),
    2,
    'a certificate',
  )
  const votes = readList(list, MAX_COMMITTEE, 'the votes of a certificate').map((entry) => {
    const [voter, signature] = readTuple(entry, 2, 'a vote of a certificate')
    return {
      voter: readInteger(voter, 0, MAX_COMMITTEE - 1, 'the voter of a certificate'),
      signature: readBytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, 'a signature of a certificate'),
    }
  })
  if (votes.length === 0) throw malformed('a certificate has no votes')
  if (votes.some(({ voter }, index) => index > 0 && voter <= votes[index - 1]!.voter))
    throw malformed('the voters of a certificate do not rise')
  return { view: readInteger(view, 0, MAX_VIEW, 'the view of a certificate'), votes }
}

/** Whether a quorum of the committee in force at a height precommitted the block in the certificate's view. */
export function isCertified(
  run: string,
  committee: Committee,
  block: { readonly height: number; readonly view: number; readonly hash: string },
  certificate: Certificate,
): boolean {
  const { view, votes } = certificate
  if (view < block.view || votes.length < quorumOf(committee.members.length)) return false
  return votes.every(({ voter, signature }, index) => {
    const member = committee.members[voter]
    if (member === undefined || (index > 0 && voter <= votes[index - 1]!.voter)) return false
    return isVoteOf(member, run, {
      height: block.height,
      view,
      step: 'precommit',
      hash: block.hash,
      validView: null,
      signature,
    })
  })
}
