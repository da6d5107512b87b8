/** A caller of fetch() that takes no more than so many bytes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, patternBytes, within, withNodes } from '../../helpers/artifact-nodes.ts'

const LEAF = 32 * 1024
const SMALL = { leafBytes: LEAF, stallTimeoutMs: 1000, starvedTimeoutMs: 500 }

const fetches = suite('fetching within a limit')

fetches('a caller may take less than the disk has room for; what another has begun stays', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { cid, sizeBytes } = await b!.artifacts.addBytes(patternBytes(LEAF * 5))
    const limited = () => a!.artifacts.fetch(cid, { signal: within(), maxBytes: sizeBytes - 1 })
    assert.is(await codeOf(limited()), 'ARTIFACT_TOO_LARGE')
    assert.is(await a!.artifacts.info(cid), null)
    assert.is(a!.artifacts.usage().blocks, 0)
    assert.ok(a!.artifacts.usage().receivedBytes < LEAF, 'its manifest says how large it is')
    const [small, large] = await Promise.all([
      codeOf(limited()),
      a!.artifacts.fetch(cid, { signal: within(), pin: 'x' }),
    ])
    assert.equal([small, large.sizeBytes, large.complete], ['ARTIFACT_TOO_LARGE', sizeBytes, true])
    assert.is(await codeOf(limited()), 'ARTIFACT_TOO_LARGE', 'also where it is here')
    assert.ok(await a!.artifacts.has(cid))
    await a!.artifacts.fetch(cid, { signal: within(), maxBytes: sizeBytes })
  }),
)

fetches.run()
