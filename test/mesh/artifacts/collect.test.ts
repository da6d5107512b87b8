import { setImmediate as nextTurn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, patternBytes, within, withNodes } from '../../helpers/artifact-nodes.ts'

const SMALL = { leafBytes: 256 }
const collect = suite('pins and collection')

collect('keeps what is pinned, frees the rest, and leaves shared blocks', () =>
  withNodes([SMALL], async (node) => {
    const { artifacts } = node!
    const common = patternBytes(256 * 4, 1)
    const kept = await artifacts.addBytes(Buffer.concat([common, patternBytes(256 * 2, 2)]), { pin: 'a' })
    const dropped = await artifacts.addBytes(Buffer.concat([common, patternBytes(256 * 3, 3)]))
    const before = artifacts.usage()
    assert.is(before.blocks, 4 + 2 + 3 + 2)
    const result = await artifacts.collect()
    assert.is(result.removedBlocks, 3 + 1)
    assert.is(artifacts.usage().sizeBytes, before.sizeBytes - result.freedBytes)
    assert.ok(await artifacts.has(kept.cid))
    assert.not(await artifacts.has(dropped.cid))
    assert.is(await artifacts.info(dropped.cid), null)
    assert.is(await codeOf(artifacts.read(dropped.cid)), 'ARTIFACT_MISSING')
    assert.is((await artifacts.read(kept.cid)).byteLength, 256 * 6)
    assert.equal(
      node!.events.filter((event) => event.type === 'artifact:removed').map((event) => event.data),
      [{ cid: dropped.cid }],
    )
  }),
)

collect('an artifact is kept until its last pin is gone, through a restart', () =>
  withNodes([SMALL], async (node) => {
    const { cid } = await node!.artifacts.addBytes(patternBytes(1000), { pin: 'a', name: 'thing' })
    await node!.artifacts.pin(cid, 'b')
    await node!.artifacts.addBytes(patternBytes(1000), { pin: 'c' })
    await node!.artifacts.unpin(cid, 'a')
    await node!.restart()
    assert.equal((await node!.artifacts.info(cid))?.pins, ['b', 'c'])
    assert.is((await node!.artifacts.info(cid))?.name, 'thing')
    await node!.artifacts.collect()
    assert.ok(await node!.artifacts.has(cid))
    await node!.artifacts.unpin(cid, 'b')
    await node!.artifacts.unpin(cid, 'c')
    await node!.artifacts.collect()
    assert.equal(node!.artifacts.usage().blocks, 0)
    assert.is(await codeOf(node!.artifacts.pin(cid, 'x')), 'NOT_FOUND')
    assert.is(await codeOf(node!.artifacts.unpin(cid, 'x')), 'NOT_FOUND')
  }),
)

collect('remove refuses what a model or a job needs, unless it is forced', () =>
  withNodes([SMALL], async (node) => {
    const { artifacts } = node!
    for (const pin of ['model:m', 'job:1:tasks', 'work:peer']) {
      const { cid } = await artifacts.addBytes(patternBytes(600), { pin })
      await artifacts.pin(cid, 'user')
      assert.is(await codeOf(artifacts.remove(cid)), 'ARTIFACT_PINNED')
      const message = await artifacts.remove(cid).catch((error: Error) => error.message)
      assert.is(message, `The artifact is needed by ${pin}`)
      assert.ok(await artifacts.has(cid))
      await artifacts.remove(cid, { force: true })
      assert.is(await artifacts.info(cid), null)
    }
    assert.is(artifacts.usage().blocks, 0)
  }),
)

collect('remove forgets an artifact and the pins of people', () =>
  withNodes([SMALL], async (node) => {
    const { artifacts } = node!
    const a = await artifacts.addBytes(patternBytes(256 * 5), { pin: 'a' })
    const b = await artifacts.addBytes(patternBytes(256 * 7), { pin: 'b' })
    await artifacts.remove(a.cid)
    assert.not(await artifacts.has(a.cid))
    // The first five leaves are the same content, and still needed.
    assert.is((await artifacts.read(b.cid)).byteLength, 256 * 7)
    await artifacts.remove(b.cid)
    assert.is(artifacts.usage().blocks, 0)
    assert.is(await codeOf(artifacts.remove(b.cid)), 'NOT_FOUND')
  }),
)

collect('additions, reads and collections at the same time lose nothing', () =>
  withNodes([SMALL], async (node) => {
    const { artifacts } = node!
    const contents = Array.from({ length: 12 }, (_, index) =>
      // Half of each is shared with the one before, so that collections meet blocks that additions rely on.
      Buffer.concat([patternBytes(256 * 4, index >> 1), patternBytes(256 * 3, 100 + index)]),
    )
    let done = false
    const collecting = (async () => {
      while (!done) {
        await artifacts.collect()
        await nextTurn()
      }
    })()
    try {
      for (let round = 0; round < 4; round++) {
        const infos = await Promise.all(
          contents.map((bytes) => artifacts.addBytes(bytes, { pin: `round ${round}` })),
        )
        await Promise.all(
          infos.map(async ({ cid }, index) =>
            assert.equal(Buffer.from(await artifacts.read(cid)), contents[index]!),
          ),
        )
        for (const { cid } of infos) await artifacts.unpin(cid, `round ${round}`)
      }
    } finally {
      done = true
      await collecting
    }
    await artifacts.collect()
    assert.is(artifacts.usage().blocks, 0)
  }),
)

collect('a fetch under way is not collected', () =>
  withNodes(
    [{ leafBytes: 4096 }, { leafBytes: 4096, uploadBytesPerSecond: 400_000 }],
    async (reader, provider) => {
      const bytes = patternBytes(4096 * 60)
      const { cid } = await provider!.artifacts.addBytes(bytes, { pin: 'x' })
      let collections = 0
      let collecting: Promise<unknown> = Promise.resolve()
      await reader!.artifacts.fetch(cid, {
        signal: within(),
        onProgress() {
          collections += 1
          collecting = collecting.then(() => reader!.artifacts.collect())
        },
      })
      await collecting
      assert.ok(collections >= 60)
      // Unpinned and complete, it may go now; while it was fetched nothing had to be fetched twice.
      assert.is(reader!.artifacts.usage().receivedBytes, provider!.artifacts.usage().sentBytes)
      assert.ok(reader!.artifacts.usage().receivedBytes < 4096 * 60 + 8192)
    },
  ),
)

collect('a fetch that was cut off is kept for a day', () => {
  let now = 1_000_000
  return withNodes([{ leafBytes: 4096, now: () => now }, { leafBytes: 4096 }], async (reader, provider) => {
    const { cid } = await provider!.artifacts.addBytes(patternBytes(4096 * 40), { pin: 'x' })
    const abort = new AbortController()
    const failed = await codeOf(
      reader!.artifacts.fetch(cid, {
        signal: abort.signal,
        onProgress: (doneBytes) => {
          if (doneBytes > 4096 * 10) abort.abort()
        },
      }),
    )
    assert.is(failed, 'AbortError')
    await reader!.restart()
    await reader!.artifacts.collect()
    assert.ok(reader!.artifacts.usage().blocks > 10)
    assert.is((await reader!.artifacts.info(cid))?.complete, false)
    now += 25 * 3_600_000
    await reader!.artifacts.collect()
    assert.is(reader!.artifacts.usage().blocks, 0)
    assert.is(await reader!.artifacts.info(cid), null)
  })
})

collect.run()
