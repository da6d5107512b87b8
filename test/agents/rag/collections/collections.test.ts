/** Making, changing and finding collections; what a crash or a careless hand left in their folder; their encoders. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCollectionEncoder } from '../../../../node/agents/rag/collections/collection-encoder.ts'
import { COLLECTION_FILE, parseCollection } from '../../../../node/agents/rag/collections/collection-file.ts'
import { createCompacting } from '../../../../node/agents/rag/collections/compacting.ts'
import { createExclusive } from '../../../../node/agents/rag/collections/exclusive.ts'
import { createFileLedger } from '../../../../node/agents/rag/collections/file-ledger.ts'
import type { ModelEntry } from '../../../../node/compute/models/model-entry.ts'
import { VillageError } from '../../../../node/errors.ts'
import type { JsonObject } from '../../../../node/json.ts'
import { createLog } from '../../../../node/log.ts'
import {
  createEngines,
  withCollections,
  withFolders,
  writeFiles,
} from '../../../helpers/collection-service.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const test = suite('collections')
const engines = createEngines()
test.after(engines.stop)

test('a collection is made once, found by id and name, changed, and told of', () =>
  withFolders((data) =>
    withCollections({ engines, directory: data }, async ({ collections, events }) => {
      const told: string[] = []
      events.subscribe(({ type }) => told.push(type))
      const made = await collections.create({ name: 'Bücher' })
      assert.equal([made.access, made.replicas, made.keepsCopy, made.problem], ['private', 2, true, null])
      await rejectsCode(collections.create({ name: 'Bu\u0308cher' }), 'COLLECTION_EXISTS')
      for (const wrong of [
        { name: 'a/b' },
        { name: 'a', replicas: 99 },
        { name: 'a', segmentChunks: 1 },
        { name: 'a', weight: 2 },
      ])
        await rejectsCode(collections.create(wrong), 'INVALID_ARGUMENT')
      assert.is((await collections.need(made.id)).name, 'Bücher')
      assert.is((await collections.get('Bu\u0308cher'))?.id, made.id)
      assert.is(await collections.get('none'), null)
      const error = await rejectsCode(collections.need('Bucher'), 'COLLECTION_UNKNOWN')
      assert.is(error.fields.suggestion, 'Bücher')
      const changed = await collections.update('Bücher', { access: 'village', weight: 0.75 })
      assert.equal([changed.access, changed.weight, changed.replicas], ['village', 0.75, 2])
      await rejectsCode(collections.update('Bücher', { weight: Number.NaN }), 'INVALID_ARGUMENT')
      await collections.remove(made.id)
      assert.equal(told, ['collection:created', 'collection:changed', 'collection:removed'])
      assert.equal(await collections.list(), [])
    }),
  ))

test('two that make it at once get one', () =>
  withFolders((data) =>
    withCollections({ engines, directory: data }, async ({ collections }) => {
      const both = await Promise.allSettled([
        collections.create({ name: 'a' }),
        collections.create({ name: 'a' }),
      ])
      assert.equal(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      assert.is((await collections.list()).length, 1)
    }),
  ))

test('settings outlive a restart; what was half made or half removed is cleared, and what is damaged is left alone', () =>
  withFolders(async (data, folder) => {
    const root = path.join(data, 'collections')
    let damaged = ''
    let removed = ''
    await withCollections({ engines, directory: data }, async ({ collections, indexed, store }) => {
      await collections.create({ name: 'kept', access: 'public' })
      damaged = (await collections.create({ name: 'damaged' })).id
      removed = (await collections.create({ name: 'removed' })).id
      await writeFiles(folder, { 'a.md': 'Apples.' })
      await indexed('kept', { paths: [folder] })
      await createFileLedger({ store }, removed).write({
        documents: [{ file: 'x', id: 'y', row: { hash: '', state: 'indexed' } }],
      })
    })
    await writeFile(path.join(root, damaged, COLLECTION_FILE), '{"version": 1, "name": "damaged"}')
    const half = 'ab'.repeat(16)
    for (const name of [half, `.removed-${removed}`, '.import-x', '.export-x']) {
      await mkdir(path.join(root, name), { recursive: true })
      await writeFile(path.join(root, name, 'file'), 'x')
    }
    await writeFile(path.join(root, 'README'), 'not ours')
    await rm(path.join(root, removed), { recursive: true })
    await withCollections({ engines, directory: data }, async ({ collections, store }) => {
      const [info, ...others] = await collections.list()
      assert.equal([info?.name, info?.access, info?.documents, others], ['kept', 'public', 1, []])
      assert.equal((await readdir(root)).sort(), ['README', info!.id, damaged].sort())
      assert.is((await createFileLedger({ store }, removed).documents('x')).size, 0)
      // Nothing is made over it.
      await rejectsCode(collections.create({ name: 'damaged' }), 'COLLECTION_CORRUPT')
      await stat(path.join(root, damaged, 'index'))
    })
    // An index that is damaged is told, and does not hide the others.
    const files = await readdir(root)
    const kept = files.find((name) => name !== damaged && name !== 'README')!
    await writeFile(path.join(root, kept, 'index', 'manifest.json'), 'x')
    await withCollections({ engines, directory: data }, async ({ collections }) => {
      const [info] = await collections.list()
      assert.equal([info?.name, info?.documents, info?.problem?.code], ['kept', 0, 'INDEX_CORRUPT'])
      // What is damaged is not hidden either, and can be removed, with its text.
      assert.equal(
        collections.unreadable().map(({ id, name, problem }) => [id, name, problem.code]),
        [[damaged, 'damaged', 'COLLECTION_CORRUPT']],
      )
      await rejectsCode(collections.need('damaged'), 'COLLECTION_CORRUPT')
      await rejectsCode(collections.index(damaged, { paths: ['/'] }), 'COLLECTION_CORRUPT')
      await collections.remove('damaged')
      assert.equal(collections.unreadable(), [])
      assert.not.ok((await readdir(root)).includes(damaged))
      await rejectsCode(collections.need('damaged'), 'COLLECTION_UNKNOWN')
      await collections.create({ name: 'damaged', encoder: null })
    })
  }))

test('no field of collection.json is taken on trust', () =>
  withFolders((data) =>
    withCollections({ engines, directory: data }, async ({ collections }) => {
      const { id } = await collections.create({ name: 'a' })
      const file = path.join(path.dirname(collections.indexDirectory(id)), COLLECTION_FILE)
      const fields = JSON.parse(await readFile(file, 'utf8')) as JsonObject
      assert.ok(parseCollection(fields))
      for (const key of Object.keys(fields))
        for (const value of [undefined, 'x', -1, {}, [1]]) {
          // A number of any sign, or any text, may stand in some of them.
          const isFine = {
            createdAtMs: [-1],
            segmentChunks: [-1],
            replicas: [-1],
            weight: [-1],
            encoder: ['x'],
          }
          if ((isFine as Record<string, unknown[]>)[key]?.includes(value) === true) continue
          const { [key]: _, ...others } = fields
          const changed = value === undefined ? others : { ...fields, [key]: value }
          assert.is(parseCollection(changed as JsonObject), null, `${key}: ${JSON.stringify(value)}`)
        }
    }),
  ))

test('the encoder that comes with the daemon is always at hand, another one is not replaced by it', async () => {
  const entry = (id: string, cid: string): ModelEntry => ({
    ...{ id, cid, name: id, kind: 'encoder', parameters: 1, sizeBytes: 1, addedAtMs: 1, source: 'embedded' },
    ...{ parent: null, base: null, notes: [], report: null, doubt: null, shared: false },
  })
  const held = new Map<string, ModelEntry>()
  const embedded: string[] = []
  let added = 0
  const { signal } = new AbortController()
  const encoder = createCollectionEncoder({
    models: {
      async add() {
        added += 1
        held.set('encoder', entry('encoder', 'cid-own'))
        return entry('encoder', 'cid-own')
      },
      list: async () => [...held.values()],
      get: async (name) => [...held.values()].find(({ id, cid }) => name === id || name === cid) ?? null,
      async need(name) {
        const found = [...held.values()].find(({ id, cid }) => name === id || name === cid)
        if (found === undefined) throw new VillageError('MODEL_UNKNOWN')
        return found
      },
    },
    embedding: {
      async embed(cid, texts) {
        embedded.push(cid)
        const count = texts.length
        return {
          dims: 3,
          vectors: new Float32Array(3 * count),
          tokens: new Int32Array(count),
          truncated: new Uint8Array(count),
        }
      },
    },
  })
  assert.equal(await encoder.resolve(undefined, signal), { cid: 'cid-own', dims: 3 })
  assert.equal(await encoder.resolve(undefined, signal), { cid: 'cid-own', dims: 3 })
  assert.is(added, 1)
  held.clear()
  await encoder.embed('cid-own', ['a'], signal)
  assert.is(added, 2)
  // Asked for another one again and again, it does not write its own each time.
  for (let i = 0; i < 3; i++) await rejectsCode(encoder.embed('cid-other', ['a'], signal), 'MODEL_UNKNOWN')
  assert.is(added, 2)
  await rejectsCode(encoder.resolve('other', signal), 'MODEL_UNKNOWN')
  assert.equal(new Set(embedded), new Set(['cid-own']))
})

test('what lost text is compacted when it has come to rest, and not after it is forgotten', async () => {
  const compacted: string[] = []
  const told = Promise.withResolvers<void>()
  const compacting = createCompacting(
    {
      log: createLog({ level: 'silent' }),
      state: {
        get: (id) => (id === 'gone' ? undefined : ({} as never)),
        indexDirectoryOf: (id) => id,
        committed() {},
      },
      index: {
        async compact(directory) {
          compacted.push(directory)
          return {} as never
        },
      },
      exclusive: createExclusive(),
      changed: () => told.resolve(),
    },
    { restMs: 1 },
  )
  compacting.later('forgotten')
  compacting.forget('forgotten')
  compacting.later('gone')
  for (let i = 0; i < 5; i++) compacting.later('often')
  // The timer keeps no process alive: something else must.
  const alive = setInterval(() => {}, 1_000)
  await told.promise
  clearInterval(alive)
  assert.equal(compacted, ['often'])
  await compacting.now('at once')
  assert.equal(compacted, ['often', 'at once'])
  compacting.stop()
})

test('work on one key goes one after the other, and a failure stops nobody', async () => {
  const exclusive = createExclusive()
  const done: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = exclusive('a', async () => {
    await gate.promise
    done.push('first')
    throw new Error('first')
  })
  const second = exclusive('a', async () => done.push('second'))
  await exclusive('b', async () => done.push('other'))
  gate.resolve()
  await first.catch(() => undefined)
  await second
  assert.equal(done, ['other', 'first', 'second'])
})

test.run()
