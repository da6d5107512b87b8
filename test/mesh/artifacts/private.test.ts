/** Private artifacts: who may read them, what the DHT is told, and when the mark goes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, patternBytes, within, withNodes } from '../../helpers/artifact-nodes.ts'
import { until } from '../../helpers/mesh.ts'

const test = suite('private artifacts')
const LEAF = 4096
const SMALL = { leafBytes: LEAF }

test('members read them only while they are shared or lent, and no part of them by its own CID', () => {
  const shared = new Set<string>()
  const lent = new Set<string>()
  const provider = {
    ...SMALL,
    shared: (cid: string) => shared.has(cid),
    lent: (cid: string) => lent.has(cid),
  }
  return withNodes([SMALL, provider], async (a, b) => {
    const fetch = (cid: string) => a!.artifacts.fetch(cid, { signal: within() })
    const bytes = patternBytes(LEAF * 3)
    const { cid } = await b!.artifacts.addBytes(bytes, { pin: 'x', private: true })
    // The CID of its first leaf.
    const { cid: leaf } = await a!.artifacts.addBytes(bytes.subarray(0, LEAF))
    await a!.artifacts.remove(leaf)
    const refused = async () => {
      for (const one of [cid, leaf]) assert.is(await codeOf(fetch(one)), 'ARTIFACT_UNAVAILABLE')
    }
    await refused()
    assert.is(a!.artifacts.usage().blocks, 0)
    for (const way of [shared, lent]) {
      way.add(cid)
      await fetch(cid)
      way.delete(cid)
      await a!.artifacts.remove(cid)
      await refused()
    }
    b!.mesh.role = 'guest'
    lent.add(cid)
    await refused()
  })
})

test('what is lent for a task that ends is not given on', () => {
  let asked = 0
  // As long as it is asked who may read: opening, the nodes, and the first leaves.
  const lent = () => asked++ < 3
  return withNodes(
    [
      { ...SMALL, starvedTimeoutMs: 100 },
      { ...SMALL, lent },
    ],
    async (a, b) => {
      const { cid } = await b!.artifacts.addBytes(patternBytes(LEAF * 1_000), { pin: 'x', private: true })
      assert.is(await codeOf(a!.artifacts.fetch(cid, { signal: within() })), 'ARTIFACT_UNAVAILABLE')
      const { blocks } = a!.artifacts.usage()
      assert.ok(blocks > 1 && blocks < 1_000, `${blocks} blocks came`)
    },
  )
})

test('the DHT is told of what is public and of what is shared', () => {
  const shared = new Set<string>()
  return withNodes([SMALL, { ...SMALL, shared: (cid) => shared.has(cid) }], async (a, b) => {
    const add = async (seed: number, options: { pin: string; private?: boolean }) =>
      (await b!.artifacts.addBytes(patternBytes(LEAF, seed), options)).cid
    const hidden = await add(1, { pin: 'x', private: true })
    const pinned = await add(2, { pin: 'work:someone', private: true })
    await b!.artifacts.pin(pinned, 'mine', { private: true })
    const forOthers = await add(3, { pin: 'work:someone' })
    const told = await add(4, { pin: 'x', private: true })
    shared.add(told)
    const open = await add(5, { pin: 'x' })
    await until('the public one is announced', () => b!.mesh.provided.includes(open))
    assert.equal(b!.mesh.provided, [told, open])
    const { cid: late } = await b!.artifacts.addBytes(patternBytes(LEAF, 6))
    await b!.artifacts.addBytes(patternBytes(LEAF, 6), { pin: 'x' })
    await until('what is pinned later is announced', () => b!.mesh.provided.includes(late))

    await b!.restart({ shared: (cid) => shared.has(cid) })
    await b!.mesh.connect(a!.mesh)
    await until('it is announced again', () => b!.mesh.provided.includes(open))
    assert.equal(new Set(b!.mesh.provided), new Set([told, open, late]))
    for (const cid of [hidden, pinned, told]) assert.is((await b!.artifacts.info(cid))!.private, true)
    assert.is((await b!.artifacts.info(forOthers))!.private, undefined)
  })
})

test('what was pinned as public stays public; what is private stays so until it is pinned as public', () =>
  withNodes([SMALL], async (node) => {
    const { artifacts } = node!
    const isPrivate = async (cid: string) => (await artifacts.info(cid))!.private === true
    const [first, second] = [patternBytes(LEAF, 1), patternBytes(LEAF, 2)]
    const { cid } = await artifacts.addBytes(first, { pin: 'x' })
    await artifacts.addBytes(first, { pin: 'job:y', private: true })
    await artifacts.pin(cid, 'z', { private: true })
    assert.not(await isPrivate(cid))

    const { cid: uploaded } = await artifacts.addBytes(second)
    assert.not(await isPrivate(uploaded))
    await artifacts.pin(uploaded, 'job:y', { private: true })
    assert.ok(await isPrivate(uploaded))
    await artifacts.addBytes(second)
    await artifacts.pin(uploaded, 'mine')
    assert.ok(await isPrivate(uploaded))
    await artifacts.addBytes(second, { pin: 'mine' })
    assert.not(await isPrivate(uploaded))
  }))

test.run()
