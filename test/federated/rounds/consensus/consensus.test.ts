/** One height after another: what comes early, what comes late, who has no vote. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createConsensus } from '../../../../node/federated/rounds/consensus/consensus.ts'
import { DEFAULT_TIMING } from '../../../../node/federated/rounds/consensus/effects.ts'
import type { ConsensusMessage } from '../../../../node/federated/rounds/consensus/messages.ts'
import {
  blockAt,
  committee,
  createMember,
  HEIGHT,
  PARENT,
  proposalOf,
  RUN,
  SELF,
  signed,
  voteOf,
} from '../../../helpers/consensus-member.ts'
import { keyOf } from '../../../helpers/ledgers.ts'
import { sealedVotes } from '../../../helpers/sealed-votes.ts'

const heights = suite('consensus of heights')

heights('messages for the next height are kept, within bounds, and count when it begins', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  const at = { height: HEIGHT - 1, parent: PARENT, committee, startView: 0, objection: () => null }
  consensus.begin(at)
  const block = blockAt(0)
  const peer = committee.members[0]!
  assert.equal(
    consensus.receive(peer, proposalOf(0, block)).map(({ type }) => type),
    ['behind'],
  )
  for (let view = 0; view < 200; view++) consensus.receive(peer, voteOf(0, view, 'prevote', null))
  const effects = consensus.begin({ ...at, height: HEIGHT })
  assert.ok(
    effects.some((effect) => effect.type === 'send' && effect.message.vote.hash === block.hash),
    'the early proposal got no vote',
  )
})

heights('the block of a proposal is looked at only if its vote can matter', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  const wants = (message: ConsensusMessage, from = committee.members[0]!) =>
    consensus.wants(from, message.voter, message.vote)
  const good = proposalOf(0, blockAt(0))
  assert.not(wants(good), 'no height has begun')
  consensus.begin({ height: HEIGHT, parent: PARENT, committee, startView: 0, objection: () => null })
  assert.ok(wants(good))
  assert.ok(wants(proposalOf(1, blockAt(1))), 'of a later view')
  assert.not(wants({ ...good, voter: 1, vote: signed(1, 0, 'propose', blockAt(0).hash) }), 'no coordinator')
  assert.not(wants({ ...good, vote: signed(1, 0, 'propose', blockAt(0).hash) }), 'another signature')
  consensus.receive('peer', good)
  assert.not(wants(good), 'known')
  const lie = proposalOf(0, blockAt(0, 999))
  assert.ok(wants(lie), 'a second one proves a lie')
  consensus.receive('peer', lie)
  assert.not(wants(proposalOf(0, blockAt(0, 998))), 'a third one proves nothing new')
})

heights('early proposals are few', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  const at = { height: HEIGHT - 1, parent: PARENT, committee, startView: 0, objection: () => null }
  consensus.begin(at)
  const early = proposalOf(0, blockAt(0))
  const takers = Array.from({ length: 8 }, (_, index) => {
    const wanted = consensus.wants(`peer ${index}`, early.voter, early.vote)
    consensus.receive(`peer ${index}`, early)
    assert.not(consensus.wants(`peer ${index}`, early.voter, early.vote), 'one of each')
    return wanted
  })
  assert.equal(takers, [true, true, true, true, false, false, false, false])
})

heights('a member that has not heard of a decision is told, and not for one slow vote', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  consensus.begin({ height: HEIGHT + 1, parent: PARENT, committee, startView: 0, objection: () => null })
  const peer = committee.members[0]!
  const slow = voteOf(0, 0, 'precommit', null)
  assert.equal(consensus.receive(peer, slow), [])
  assert.equal(consensus.receive(peer, slow), [{ type: 'ahead', peer, height: HEIGHT }])
})

heights('whoever is not in the committee, or does not know what it has said, follows without a vote', () => {
  const watcher = createMember(null, keyOf('five').peer)
  watcher.offer()
  watcher.hear(proposalOf(0, blockAt(0)))
  assert.not(watcher.consensus.isVoter)
  assert.is(watcher.of('send').length, 0)
  const self = SELF
  const mute = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  mute.begin({ height: HEIGHT, parent: PARENT, committee, startView: 0, objection: () => null, mute: true })
  assert.equal(mute.receive(committee.members[0]!, proposalOf(0, blockAt(0))), [])
})

heights('a member that has voted at a later height has no vote at this one', () => {
  const self = SELF
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  const record = { height: HEIGHT + 2, view: 0, votes: [], locked: null, valid: null, proposed: null }
  consensus.begin({ height: HEIGHT, parent: PARENT, committee, startView: 0, objection: () => null }, record)
  assert.equal(consensus.receive(committee.members[0]!, proposalOf(0, blockAt(0))), [])
})

heights('a committee of one decides by itself', () => {
  const self = committee.members[0]!
  const alone = { epoch: 0, members: [self] }
  const consensus = createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  consensus.begin({ height: HEIGHT, parent: PARENT, committee: alone, startView: 0, objection: () => null })
  assert.equal(
    consensus.offer(true).map(({ type }) => type),
    ['timer', 'propose'],
  )
  const effects = consensus.propose(blockAt(0))
  assert.equal(
    effects.map(({ type }) => type).filter((type) => type !== 'timer'),
    ['persist', 'decide'],
    'with a damaged disk it would else decide something else at this height',
  )
})

heights('a committee of one that has lost its last block decides the same block again', () => {
  const self = committee.members[0]!
  const alone = { epoch: 0, members: [self] }
  const begin = { height: HEIGHT, parent: PARENT, committee: alone, startView: 0, objection: () => null }
  const create = () => createConsensus({ run: RUN, self, votes: sealedVotes(self), timing: DEFAULT_TIMING })
  const first = create()
  first.begin(begin)
  first.offer(true)
  const kept = first.propose(blockAt(0)).find((effect) => effect.type === 'persist')
  const [again] = create()
    .begin(begin, kept?.type === 'persist' ? kept.record : null)
    .filter(({ type }) => type === 'decide')
  assert.is(again?.type === 'decide' && again.block.hash, blockAt(0).hash)
})

heights.run()
