import { multiaddrConnectionPair } from '@libp2p/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createByteCount } from '../../../node/mesh/byte-count.ts'
import { createProtector } from '../../../node/mesh/membership/pre-shared-key.ts'

const KEY = new Uint8Array(32).fill(1)
const protector = createProtector(KEY, () => {})

/** The other end of a connection that is being protected. */
async function stranger() {
  const [ours, theirs] = multiaddrConnectionPair()
  const signal = AbortSignal.timeout(20_000)
  const failure = protector.protect(ours, { signal }).then(
    () => null,
    (error: Error) => error,
  )
  return { ours, theirs, failure }
}

test('a stranger cannot make this node hold more than a little before its key is proven', async () => {
  const { ours, theirs, failure } = await stranger()
  // The salt never ends: nothing of it is taken for the proof.
  theirs.send(new Uint8Array(31))
  theirs.send(new Uint8Array(100 * 1024))
  assert.ok((await failure) instanceof Error)
  assert.is.not(ours.status, 'open')
})

test('its own salt and proof back are no key', async () => {
  const { theirs, failure } = await stranger()
  theirs.addEventListener('message', ({ data }) => void theirs.send(data))
  assert.is(((await failure) as { code?: string } | null)?.code, 'VILLAGE_KEY_MISMATCH')
})

for (const [title, psk] of [
  ['a private village', KEY],
  ['an open village', null],
] as const)
  test(`bytes on connections of ${title} are counted on both sides, and arrive as they were`, async () => {
    const signal = AbortSignal.timeout(20_000)
    const counts = [createByteCount(), createByteCount()] as const
    const pair = multiaddrConnectionPair()
    const [ours, theirs] = await Promise.all(
      counts.map((count, index) =>
        createProtector(
          psk,
          () => {},
          () => {},
          count,
        ).protect(pair[index]!, { signal }),
      ),
    )
    const received = Promise.withResolvers<Uint8Array>()
    theirs!.addEventListener('message', ({ data }) => received.resolve(data.subarray()))
    ours!.send(new Uint8Array([1, 2, 3]))
    assert.equal([...(await received.promise)], [1, 2, 3])
    assert.equal(counts[0].totals(), { receivedBytes: 0, sentBytes: 3 })
    assert.equal(counts[1].totals(), { receivedBytes: 3, sentBytes: 0 })
  })

test.run()
