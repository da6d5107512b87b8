/** The records of a small run, made from fixed keys: what test/vectors/ledger/records.json holds, for other implementations. */
import { encodeArchive } from '../../node/federated/ledger/archive.ts'
import { drawCommittee } from '../../node/federated/ledger/committee.ts'
import { scoreDigest, signStatement } from '../../node/federated/ledger/statement-codec.ts'
import { encodeCertificate, encodeVote, signVote } from '../../node/federated/ledger/vote.ts'
import { encodeMessage } from '../../node/federated/rounds/consensus/messages.ts'
import { canonicalJson } from '../../node/json.ts'
import { ADA, announce, BEN, blockOn, KEYS, makeLedger, proofAgainst, statementsOf } from './ledgers.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

export function ledgerVectors() {
  const announcement = announce()
  const { run } = announcement
  const { tips, blocks } = makeLedger(announcement, 4)
  const statements = [...statementsOf(ADA.peer), proofAgainst(run, BEN, ADA.peer)].map((statement) => {
    const { bytes, digest } = signStatement(ADA.signer, run, statement)
    return { kind: statement.kind, bytes: hex(bytes), digest }
  })
  const block = blockOn(tips.at(-1)!, [])
  const proposer = KEYS.find(({ peer }) => peer === block.proposer)!
  const proposal = signVote(proposer.signer, run, {
    height: block.height,
    view: block.view,
    step: 'propose',
    hash: block.hash,
    validView: null,
  })
  const vote = signVote(BEN.signer, run, {
    height: 5,
    view: 2,
    step: 'prevote',
    hash: null,
    validView: null,
  })
  const peers = KEYS.map(({ peer }) => peer)
  return {
    peers,
    announcement: {
      bytes: hex(announcement.bytes),
      hash: announcement.hash,
      run,
      spec: canonicalJson(announcement.spec),
    },
    statements,
    scores: {
      generation: 3,
      slot: 7,
      nonce: '00'.repeat(16),
      values: 'ff00',
      digest: scoreDigest({
        run,
        scorer: ADA.peer,
        generation: 3,
        slot: 7,
        nonce: new Uint8Array(16),
        values: Uint8Array.of(255, 0),
      }),
    },
    vote: hex(encodeVote(vote)),
    messages: {
      vote: hex(encodeMessage({ kind: 'vote', voter: 1, vote })),
      proposal: hex(encodeMessage({ kind: 'proposal', voter: 0, vote: proposal, block, prevotes: [] })),
    },
    blocks: blocks.map(({ block: { bytes, hash }, certificate }) => ({
      bytes: hex(bytes),
      hash,
      certificate: hex(encodeCertificate(certificate)),
    })),
    committees: [1, 2].map((epoch) => drawCommittee(run, epoch, peers, 3)),
    archive: hex(
      encodeArchive({
        announcement: announcement.bytes,
        blocks: blocks.map(({ block, certificate }) => ({
          block: block.bytes,
          certificate: encodeCertificate(certificate),
        })),
      }),
    ),
  }
}
