/** Manifests are read once, and again when their files were replaced or the index was closed. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Manifest } from '../../../../node/agents/rag/index/manifest.ts'
import { createManifestCache } from '../../../../node/agents/rag/index/manifest-cache.ts'
import { MANIFEST_FILE } from '../../../../node/agents/rag/index/manifest-file.ts'
import { VillageError } from '../../../../node/errors.ts'
import { stopMeshNodes, temporaryDirectory } from '../../../helpers/mesh.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

async function open() {
  const directory = await temporaryDirectory()
  mkdirSync(directory, { recursive: true })
  const file = path.join(directory, MANIFEST_FILE)
  const state = { reads: 0, generation: 0, gate: Promise.resolve() }
  const replace = () => {
    state.generation += 1
    writeFileSync(`${file}.new`, 'x'.repeat(state.generation))
    renameSync(`${file}.new`, file)
  }
  const cache = createManifestCache({
    async read() {
      state.reads += 1
      const { generation } = state
      await state.gate
      if (generation === 0) throw new VillageError('INDEX_MISSING')
      return { generation } as Manifest
    },
  })
  return { directory, file, state, replace, cache }
}

test.after(stopMeshNodes)

test('a manifest is read again when its file was replaced, and only then', async () => {
  const { directory, state, replace, cache } = await open()
  await rejectsCode(cache.of(directory), 'INDEX_MISSING')
  replace()
  assert.is((await cache.of(directory)).generation, 1)
  assert.is((await cache.of(directory)).generation, 1)
  assert.is(state.reads, 2)
  replace()
  assert.is((await cache.of(directory)).generation, 2)
  assert.is(state.reads, 3)
})

test('one whose index was closed is read again, also where a read was under way', async () => {
  const { directory, state, replace, cache } = await open()
  replace()
  await cache.of(directory)
  cache.forget(directory)
  let release = () => {}
  state.gate = new Promise((resolve) => {
    release = resolve
  })
  const reading = cache.of(directory)
  while (state.reads < 2) await new Promise((resolve) => setImmediate(resolve))
  cache.forget(directory)
  release()
  await reading
  await cache.of(directory)
  assert.is(state.reads, 3)
})

test('where the file is gone, whoever reads says so', async () => {
  const { directory, file, state, replace, cache } = await open()
  replace()
  await cache.of(directory)
  rmSync(file)
  state.generation = 0
  await rejectsCode(cache.of(directory), 'INDEX_MISSING')
})

test.run()
