/** Who decides, in which order, and how many must agree. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  coordinatorOf,
  drawCommittee,
  faultyOf,
  quorumOf,
  rendezvousOrder,
} from '../../../node/federated/ledger/committee.ts'

const committees = suite('committee')
const peersOf = (count: number) => Array.from({ length: count }, (_, index) => `peer-${index}`)

committees('two quorums share more members than may lie, and the honest alone are one', () => {
  for (let members = 1; members <= 64; members++) {
    const quorum = quorumOf(members)
    const faulty = faultyOf(members)
    assert.ok(2 * quorum - members > faulty, `${members}: two quorums without an honest member in both`)
    if (members > 3) assert.ok(members - faulty >= quorum, `${members}: stuck without those who may lie`)
  }
  assert.equal([1, 2, 3, 4, 5, 6, 7].map(quorumOf), [1, 2, 2, 3, 4, 5, 5])
  assert.equal([0, 1, 3, 4, 6, 7, 10].map(faultyOf), [0, 0, 0, 1, 1, 2, 3])
})

committees('the order does not depend on how the peers are listed', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(peersOf(12), { minLength: 12 }), fc.nat(), (shuffled, part) => {
      assert.equal(rendezvousOrder('d', [part], shuffled), rendezvousOrder('d', [part], peersOf(12)))
    }),
    { numRuns: 30, seed: 6 },
  )
})

committees('one participant more changes at most one member of a committee', () => {
  for (let run = 0; run < 40; run++) {
    const before = new Set(drawCommittee(`${run}`.padStart(32, '0'), 1, peersOf(20), 7).members)
    const after = drawCommittee(`${run}`.padStart(32, '0'), 1, peersOf(21), 7).members
    assert.is(before.size, 7)
    assert.ok(after.filter((peer) => !before.has(peer)).length <= 1)
  }
})

committees('everybody sits and coordinates about as often', () => {
  const seats = new Map<string, number>()
  const first = new Map<string, number>()
  for (let run = 0; run < 300; run++) {
    const committee = drawCommittee(`${run}`, 0, peersOf(10), 4)
    for (const peer of committee.members) seats.set(peer, (seats.get(peer) ?? 0) + 1)
    const coordinator = coordinatorOf(committee, 0)
    first.set(coordinator, (first.get(coordinator) ?? 0) + 1)
  }
  // 120 and 30 are expected; the runs are fixed, so these bounds either hold or do not.
  for (const peer of peersOf(10)) {
    assert.ok(seats.get(peer)! > 85 && seats.get(peer)! < 155, `${peer}: ${seats.get(peer)}`)
    assert.ok(first.get(peer)! > 10 && first.get(peer)! < 55, `${peer}: ${first.get(peer)}`)
  }
})

committees('the same members coordinate in another order in another epoch', () => {
  const orders = [0, 1, 2, 3].map((epoch) => drawCommittee('run', epoch, peersOf(6), 6).members)
  for (const order of orders) assert.equal([...order].sort(), peersOf(6))
  assert.ok(new Set(orders.map((order) => order.join())).size > 1)
  const committee = drawCommittee('run', 0, peersOf(3), 3)
  assert.equal(
    [0, 1, 2, 3].map((view) => coordinatorOf(committee, view)),
    [...committee.members, committee.members[0]],
  )
})

committees.run()
