/** The rules of one height, one by one: a member is driven by hand with what the others say. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBlock } from '../../../../node/federated/ledger/block.ts'
import { createConsensus } from '../../../../node/federated/rounds/consensus/consensus.ts'
import { DEFAULT_TIMING } from '../../../../node/federated/rounds/consensus/effects.ts'
import type { ConsensusMessage } from '../../../../node/federated/rounds/consensus/messages.ts'
import {
  blockAt,
  committee,
  createLocked,
  createMember,
  HEIGHT,
  OTHERS,
  PARENT,
  proposalOf,
  RUN,
  SELF,
  signed,
  voteOf,
} from '../../../helpers/consensus-member.ts'
import { sealedVotes } from '../../../helpers/sealed-votes.ts'

const rules = suite('consensus of one height')

rules('a block that a quorum prevotes and precommits is decided, with their signatures', () => {
  const block = blockAt(0)
  const member = createMember()
  member.hear(proposalOf(0, block))
  assert.is(member.voted('prevote', 0), block.hash)
  member.hear(voteOf(0, 0, 'prevote', block.hash))
  assert.is(member.voted('precommit', 0), undefined)
  member.hear(voteOf(1, 0, 'prevote', block.hash))
  assert.is(member.voted('precommit', 0), block.hash)
  for (const voter of [0, 1]) member.hear(voteOf(voter, 0, 'precommit', block.hash))
  const [decision] = member.of('decide')
  assert.is(decision?.block.hash, block.hash)
  assert.equal(
    decision?.certificate.votes.map(({ voter }) => voter),
    [0, 1, 3],
  )
})

rules('the order in which messages come does not matter', () => {
  const block = blockAt(0)
  const messages: ConsensusMessage[] = [
    proposalOf(0, block),
    ...[0, 1, 2].map((voter) => voteOf(voter, 0, 'prevote', block.hash)),
    ...[0, 1, 2].map((voter) => voteOf(voter, 0, 'precommit', block.hash)),
  ]
  for (let turn = 0; turn < messages.length; turn++) {
    const member = createMember()
    for (const message of [...messages.slice(turn), ...messages.slice(0, turn)]) member.hear(message)
    assert.is(member.of('decide')[0]?.block.hash, block.hash, `from ${turn}`)
  }
})

rules('a block to which something is objected gets no vote', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  consensus.begin({ height: HEIGHT, parent: PARENT, committee, startView: 0, objection: () => 'no' })
  const sent = consensus.receive('peer', proposalOf(0, blockAt(0))).filter(({ type }) => type === 'send')
  assert.equal(
    sent.map((effect) => effect.type === 'send' && effect.message.vote.hash),
    [null],
  )
})

rules('what a member thinks of a new block does not matter where a quorum has prevoted for it', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  const objection = (_block: unknown, isNew: boolean) => (isNew ? 'who joins is no member' : null)
  consensus.begin({ height: HEIGHT, parent: PARENT, committee, startView: 0, objection })
  const block = blockAt(0)
  const votesFor = (message: ConsensusMessage) =>
    consensus
      .receive('peer', message)
      .flatMap((effect) => (effect.type === 'send' ? [effect.message.vote] : []))
      .filter(({ step }) => step === 'prevote')
      .map(({ view, hash }) => [view, hash])
  assert.equal(votesFor(proposalOf(0, block)), [[0, null]])
  // Others were of another mind, and some are locked on the block: who objects for ever would stop them all.
  for (const voter of [0, 1]) consensus.receive('peer', voteOf(voter, 0, 'precommit', null))
  for (const voter of [0, 1]) consensus.receive('peer', voteOf(voter, 1, 'prevote', null))
  assert.is(consensus.view, 1)
  assert.equal(votesFor(proposalOf(1, block, 0)), [[1, block.hash]])
})

rules('a member that is locked votes for no other block', () => {
  const member = createLocked(blockAt(0))
  const other = blockAt(1)
  member.hear(proposalOf(1, other))
  assert.is(member.voted('prevote', 1), null)
})

rules('it stays locked after a restart', () => {
  const member = createMember(createLocked(blockAt(0)).record())
  member.hear(proposalOf(1, blockAt(1)))
  assert.is(member.voted('prevote', 1), undefined, 'it is in view 0 again')
  for (const voter of [0, 1]) member.hear(voteOf(voter, 1, 'prevote', null))
  assert.is(member.consensus.view, 1)
  assert.is(member.voted('prevote', 1), null)
})

rules('it votes for its own block again', () => {
  const block = blockAt(0)
  const member = createLocked(block)
  member.hear(proposalOf(1, block, 0))
  assert.is(member.voted('prevote', 1), block.hash)
})

rules('a later quorum of prevotes frees it, an earlier one does not', () => {
  const rival = blockAt(1)
  const free = createLocked(blockAt(0))
  for (const voter of OTHERS) free.hear(voteOf(voter, 2, 'prevote', null))
  assert.is(free.consensus.view, 2)
  free.hear(proposalOf(2, rival, 1))
  assert.is(free.voted('prevote', 2), rival.hash)

  // Locked in view 1 on the rival, it is not freed by a quorum of view 0.
  const bound = createMember()
  const first = blockAt(0)
  for (const voter of [0, 1]) bound.hear(voteOf(voter, 1, 'prevote', rival.hash))
  assert.is(bound.consensus.view, 1)
  bound.hear(proposalOf(1, rival))
  assert.is(bound.voted('precommit', 1), rival.hash)
  for (const voter of [0, 1]) bound.hear(voteOf(voter, 2, 'prevote', null))
  bound.hear(proposalOf(2, first, 0))
  assert.is(bound.voted('prevote', 2), null)
})

rules('a proposal that claims an earlier quorum without proof is refused', () => {
  const block = blockAt(0)
  for (const prevoters of [[], [0, 1], [0, 0, 1]]) {
    const member = createMember()
    for (const voter of [0, 1]) member.hear(voteOf(voter, 1, 'precommit', null))
    assert.is(member.consensus.view, 1)
    member.hear(proposalOf(1, block, 0, prevoters))
    assert.is(member.of('refused').length, 1)
    assert.is(member.voted('prevote', 1), undefined)
    // The whole proposal still counts when it comes.
    member.hear(proposalOf(1, block, 0))
    assert.is(member.voted('prevote', 1), block.hash)
  }
})

rules('proposals that no coordinator makes are refused', () => {
  const good = blockAt(0)
  const { hash: _, bytes: __, ...content } = good
  const bad = (over: Partial<typeof content>) => proposalOf(0, createBlock({ ...content, ...over }))
  const wrong: [string, ConsensusMessage][] = [
    ['another parent', bad({ parent: '0c'.repeat(32) })],
    ['another run', bad({ run: 'cd'.repeat(16) })],
    ['another height', bad({ height: HEIGHT + 1 })],
    ['another proposer', bad({ proposer: committee.members[1]! })],
    ['another view', bad({ view: 4 })],
    [
      'by who does not coordinate',
      { ...proposalOf(0, good), voter: 1, vote: signed(1, 0, 'propose', good.hash) },
    ],
    ['signed by somebody else', { ...proposalOf(0, good), vote: signed(1, 0, 'propose', good.hash) }],
  ]
  for (const [what, message] of wrong) {
    const member = createMember()
    member.hear(message)
    assert.is(member.of('refused').length, 1, what)
    assert.is(member.voted('prevote', 0), undefined, what)
  }
})

rules('after a restart it says what it said, and nothing else', () => {
  const block = blockAt(0)
  const before = createMember()
  before.hear(proposalOf(0, block))
  const after = createMember(before.record())
  assert.is(after.voted('prevote', 0), block.hash)
  after.elapse('propose', 0)
  after.hear(proposalOf(0, blockAt(0, 999)))
  assert.is(after.voted('prevote', 0), block.hash)
})

rules('a coordinator proposes once, also after a restart', () => {
  const self = committee.members[0]!
  const before = createMember(null, self)
  assert.is(before.of('propose').length, 0, 'without a reason nothing is proposed')
  before.offer()
  assert.equal(before.of('propose'), [{ type: 'propose', height: HEIGHT, view: 0 }])
  const block = blockAt(0)
  before.propose(block)
  assert.is(before.voted('propose', 0), block.hash)
  const after = createMember(before.record(), self)
  assert.is(after.voted('propose', 0), block.hash)
  after.offer()
  after.propose(blockAt(0, 999))
  assert.is(after.of('propose').length, 0)
  assert.is(after.voted('propose', 0), block.hash)
})

rules('two votes for one step are a lie, and the first one counts', () => {
  const block = blockAt(0)
  const member = createMember()
  member.hear(voteOf(1, 0, 'prevote', null))
  member.hear(voteOf(1, 0, 'prevote', block.hash))
  const [lie] = member.of('lie')
  assert.is(lie?.voter, committee.members[1])
  assert.equal(
    lie?.votes.map(({ hash }) => hash),
    [null, block.hash],
  )
  member.hear(proposalOf(0, block))
  member.hear(voteOf(0, 0, 'prevote', block.hash))
  assert.is(member.voted('precommit', 0), undefined)
})

rules('two proposals of one view are a lie', () => {
  const member = createMember()
  member.hear(proposalOf(0, blockAt(0)))
  member.hear(proposalOf(0, blockAt(0, 999)))
  assert.is(member.of('lie')[0]?.voter, committee.members[0])
})

rules('nobody waits for a proposal until somebody has something to say', () => {
  const member = createMember()
  assert.is(member.of('timer').length, 0)
  member.hear(voteOf(0, 0, 'prevote', null))
  assert.is(member.of('timer').length, 0, 'one vote alone may be a lie')
  member.hear(voteOf(1, 0, 'prevote', null))
  assert.equal(
    member.of('timer').map(({ timer }) => timer.step),
    ['propose'],
  )
  const eager = createMember()
  eager.offer()
  assert.is(eager.of('timer')[0]?.timer.step, 'propose')
})

rules('without a coordinator the next one takes over', () => {
  const member = createMember()
  member.offer()
  member.elapse('propose')
  assert.is(member.voted('prevote', 0), null)
  for (const voter of [1, 2]) member.hear(voteOf(voter, 0, 'prevote', null))
  assert.is(member.voted('precommit', 0), null)
  for (const voter of [1, 2]) member.hear(voteOf(voter, 0, 'precommit', null))
  assert.is(member.consensus.view, 1)
  assert.is(member.of('view')[0]?.coordinator, committee.members[1])
})

rules('who leaves a view, or passes over it, gives its missing votes of it', () => {
  const member = createMember()
  member.hear(proposalOf(0, blockAt(0)))
  for (const voter of [0, 1]) member.hear(voteOf(voter, 1, 'prevote', null))
  assert.is(member.consensus.view, 1)
  assert.is(member.voted('prevote', 0), blockAt(0).hash)
  assert.is(member.voted('precommit', 0), null)
  for (const voter of [0, 1]) member.hear(voteOf(voter, 5, 'prevote', null))
  assert.is(member.consensus.view, 5)
  assert.equal([member.voted('prevote', 4), member.voted('precommit', 4)], [null, null])
})

rules('the votes of those who may lie move nobody to a later view', () => {
  const member = createMember()
  member.hear(voteOf(2, 900, 'prevote', null))
  assert.is(member.consensus.view, 0)
  member.hear(voteOf(1, 7, 'precommit', null))
  assert.is(member.consensus.view, 7)
})

rules('it says when it lacks the block that a quorum has precommitted', () => {
  const member = createMember()
  for (const voter of OTHERS) member.hear(voteOf(voter, 0, 'precommit', blockAt(0).hash))
  assert.is(member.of('behind')[0]?.height, HEIGHT)
  assert.is(member.of('decide').length, 0)
  member.hear(proposalOf(0, blockAt(0)))
  assert.is(member.of('decide').length, 1)
})

rules.run()
