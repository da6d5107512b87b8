/** Names of members in the names of their collections. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memberName, withPeers } from '../../../../node/agents/rag/village/collection-names.ts'

const test = suite('names of collections')

const member = (peer: string, name: string, fields: object = {}) => ({
  ...{ peer, name, self: false, revoked: null, leftAtMs: null },
  ...fields,
})
const MEMBERS = [
  member('12D3a', 'anna'),
  member('12D3b', 'ben'),
  member('12D3c', 'ben'),
  member('12D3d', 'me', { self: true }),
  member('12D3e', 'gone', { leftAtMs: 5 }),
  member('12D3f', 'a@b'),
]

test('the name of one member becomes its peer ID; what could be several, or nobody, stays', () => {
  assert.equal(
    withPeers(
      ['notes', 'notes@anna', 'notes@12D3a', 'notes@ben', 'notes@me', 'notes@gone', '@anna', 'n@a@b'],
      MEMBERS,
    ),
    ['notes', 'notes@12D3a', 'notes@12D3a', 'notes@ben', 'notes', 'notes@gone', '@anna', 'n@a@b'],
  )
})

test('members have names, others none', () => {
  assert.equal(
    ['12D3a', '12D3b', '12D3e', '12D3x'].map((peer) => memberName(peer, MEMBERS)),
    ['anna', null, null, null],
  )
})

test.run()
