/** The two threads of the indexes: what crosses between them and the daemon, in peace and in trouble. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createIndexHost, type IndexHost } from '../../../../node/agents/rag/index/index-host.ts'
import { createIndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../../../node/agents/rag/index/index-writer.ts'
import type { SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { createLog } from '../../../../node/log.ts'
import { documentId, madeDocument, unitVector } from '../../../helpers/index-documents.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

interface Place {
  host: IndexHost
  directory: string
}

const test = suite<Place>('index-host')
const DIMS = 8
test.before.each((place) => {
  place.directory = mkdtempSync(path.join(tmpdir(), 'village-host-'))
  place.host = createIndexHost({ log: createLog({ level: 'silent' }) })
})
test.after.each(async ({ host, directory }) => {
  await host.stop()
  rmSync(directory, { recursive: true })
})

const REQUEST: SearchRequest = {
  lexical: { terms: [{ term: 'w1', weight: 1, field: null }], required: [], excluded: [] },
  vector: unitVector(DIMS, seededRandom(1)),
  filters: [{ field: 'number', test: 'below', value: 50 }],
  limit: 10,
}
const made = (number: number, revision = 0) =>
  madeDocument({ name: `d${number}`, revision, dims: DIMS, fields: { number } })
const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, at) => from + at)

test('an index by way of the threads is the index itself', async ({ host, directory }) => {
  const index = path.join(directory, 'index')
  assert.is((await host.create(index, { maxSegmentChunks: 50, dims: DIMS })).generation, 0)
  await rejectsCode(host.create(index, { maxSegmentChunks: 50, dims: DIMS }), 'INDEX_EXISTS')
  await Promise.all(
    range(10).map((batch) =>
      host.add(
        index,
        range(10, batch * 10).map((number) => made(number)),
      ),
    ),
  )
  assert.is(await host.remove(index, [documentId('d3'), documentId('nowhere')]), 1)
  const manifest = await host.commit(index)
  assert.equal(await host.manifest(index), manifest)

  const reader = createIndexReader(index)
  assert.equal(await host.search(index, REQUEST, null), reader.search(REQUEST, null))
  assert.equal(await host.statistics(index, ['w1', 'part']), reader.statistics(['w1', 'part']))
  assert.equal(await host.documents(index, { limit: 7 }), reader.documents({ limit: 7 }))
  assert.equal(await host.documentChunks(index, documentId('d4')), reader.documentChunks(documentId('d4')))
  assert.equal(await host.documentChunks(index, documentId('d3')), [])
  const { lexical } = reader.search(REQUEST, null)
  assert.equal(await host.chunks(index, lexical), reader.chunks(lexical))
  const [segment] = manifest.segments
  assert.equal(await host.sketch(index, segment!.id), reader.sketch(segment!.id))
  await rejectsCode(host.sketch(index, 'f'.repeat(64)), 'NOT_FOUND')
  assert.equal(
    await host.search(index, REQUEST, null, { segments: [segment!.id] }),
    reader.search(REQUEST, null, [segment!.id]),
  )
  assert.equal(await host.check(index), [])
  reader.close()

  await host.add(index, [made(200)])
  await host.close(index)
  assert.equal(await host.commit(index), manifest, 'what was not committed is gone')
  await host.drop(index)
  assert.not.ok(existsSync(index))
  await rejectsCode(host.manifest(index), 'INDEX_MISSING')
  await rejectsCode(host.add(index, [made(1)]), 'INDEX_MISSING')
})

test('searches go on, over whole commits only, while documents are replaced, merged and compacted', async ({
  host,
  directory,
}) => {
  await host.create(directory, { maxSegmentChunks: 40, dims: DIMS })
  await host.add(
    directory,
    range(30).map((number) => made(number)),
  )
  await host.commit(directory)
  let isDone = false
  const write = async (): Promise<void> => {
    for (let revision = 1; revision <= 12; revision++) {
      await host.add(
        directory,
        range(30).map((number) => made(number, revision)),
      )
      await host.commit(directory)
      if (revision % 3 === 0) await host.compact(directory, { merge: revision % 2 === 0 })
    }
    isDone = true
  }
  const seen = new Set<number>()
  const read = async (): Promise<void> => {
    while (!isDone) {
      const records = await host.documents(directory, { limit: 100 })
      assert.is(records.length, 30)
      const revisions = new Set(records.map(({ modifiedAtMs }) => modifiedAtMs))
      assert.is(revisions.size, 1, 'a commit is seen whole or not at all')
      for (const revision of revisions) seen.add(revision)
      const { lexical, vectors } = await host.search(directory, { ...REQUEST, filters: [], limit: 200 }, null)
      assert.is(vectors.length, 60)
      const texts = await host.chunks(directory, lexical.slice(0, 3))
      // A commit may have come between: then they are gone, and never another's.
      for (const [at, chunk] of texts.entries())
        if (chunk !== null) assert.is(chunk.document, lexical[at]!.document)
    }
  }
  await Promise.all([write(), read(), read()])
  assert.ok(seen.size > 1, 'no commit was seen happening')
  const { segments } = await host.manifest(directory)
  await host.close(directory)
  const named = segments.flatMap(({ id, tombstones }) => (tombstones === null ? [id] : [id, tombstones]))
  assert.equal(readdirSync(directory).sort(), [...named, 'manifest.json'].sort())
})

test('a search that nobody waits for any more is not run', async ({ host, directory }) => {
  await host.create(directory, { maxSegmentChunks: 100, dims: DIMS })
  await rejectsCode(host.search(directory, REQUEST, null, { signal: AbortSignal.abort() }), 'ABORTED')
  const abort = new AbortController()
  const searches = range(50).map(() => host.search(directory, REQUEST, null, { signal: abort.signal }))
  abort.abort()
  const codes = await Promise.all(
    searches.map((search) =>
      search.then(
        () => 'done',
        (error) => error.code,
      ),
    ),
  )
  assert.equal(new Set(codes), new Set(['ABORTED']))
  assert.equal(await host.search(directory, REQUEST, null), { lexical: [], vectors: [] })
})

test('stopping finishes what was asked for and leaves no lock', async ({ host, directory }) => {
  await host.create(directory, { maxSegmentChunks: 100, dims: DIMS })
  const adding = host.add(
    directory,
    range(20).map((number) => made(number)),
  )
  const committing = host.commit(directory)
  await host.stop()
  await adding
  assert.is((await committing).segments.length, 1)
  await rejectsCode(host.commit(directory), 'SHUTTING_DOWN')
  await rejectsCode(host.manifest(directory), 'SHUTTING_DOWN')
  const writer = createIndexWriter(directory)
  writer.close()
})

test('one host keeps another from writing the same index, not from reading it', async ({
  host,
  directory,
}) => {
  await host.create(directory, { maxSegmentChunks: 100, dims: DIMS })
  await host.add(directory, [made(1)])
  const other = createIndexHost({ log: createLog({ level: 'silent' }) })
  try {
    await rejectsCode(other.add(directory, [made(2)]), 'INDEX_LOCKED')
    await host.commit(directory)
    assert.is((await other.documents(directory, { limit: 9 })).length, 1)
    await host.close(directory)
    await other.add(directory, [made(2)])
    await other.commit(directory)
  } finally {
    await other.stop()
  }
  assert.is((await host.documents(directory, { limit: 9 })).length, 2)
})

test('a lock that a killed process left counts for nothing', async ({ host, directory }) => {
  await host.create(directory, { maxSegmentChunks: 100, dims: DIMS })
  for (const left of ['', '{"pid":', JSON.stringify({ pid: 2 ** 22 + 1, started: '1', owner: 'gone' })]) {
    writeFileSync(path.join(directory, 'writer.lock'), left)
    await host.add(directory, [made(1)])
    await host.close(directory)
  }
  // The number of a process that lives, and another beginning than it had.
  if (process.platform === 'linux') {
    const reused = JSON.stringify({ pid: process.pid, started: '1', owner: 'gone' })
    writeFileSync(path.join(directory, 'writer.lock'), reused)
    await host.add(directory, [made(1)])
  }
})

test('damage is told by its code, and the threads live on', async ({ host, directory }) => {
  const index = path.join(directory, 'index')
  await host.create(index, { maxSegmentChunks: 100, dims: DIMS })
  await host.add(
    index,
    range(10).map((number) => made(number)),
  )
  const manifest = await host.commit(index)
  await host.close(index)
  const [segment] = manifest.segments
  writeFileSync(path.join(index, segment!.id, 'documents.bin'), 'x')
  assert.equal((await host.check(index)).map(({ segment: id, code }) => [id, code])[0], [
    segment!.id,
    'SEGMENT_CORRUPT',
  ])
  await rejectsCode(host.documents(index, { limit: 5 }), 'SEGMENT_CORRUPT')
  writeFileSync(path.join(index, 'manifest.json'), '{}')
  await rejectsCode(host.manifest(index), 'INDEX_CORRUPT')
  await rejectsCode(host.add(index, [made(1)]), 'INDEX_CORRUPT')
  await rejectsCode(host.manifest(path.join(directory, 'nowhere')), 'INDEX_MISSING')
  const other = path.join(directory, 'other')
  await host.create(other, { maxSegmentChunks: 100, dims: DIMS })
  await host.add(other, [made(1)])
  assert.is((await host.commit(other)).segments.length, 1)
})

test('what was added before the thread ended is never committed by halves', async ({ directory }) => {
  const writerUrl = new URL('../../../helpers/ending-writer-thread.ts', import.meta.url)
  const host = createIndexHost({ log: createLog({ level: 'silent' }) }, { writerUrl })
  try {
    await host.create(directory, { maxSegmentChunks: 100, dims: DIMS })
    await host.add(directory, [made(1)])
    await host.commit(directory)
    await host.add(directory, [made(2)])
    // It ends the thread (ending-writer-thread.ts).
    await rejectsCode(host.check(directory), 'WORKER_CRASHED')
    await host.add(directory, [made(3)])
    await rejectsCode(host.commit(directory), 'WORKER_CRASHED')
    assert.is((await host.commit(directory)).generation, 1)
    assert.equal(
      (await host.documents(directory, { limit: 9 })).map(({ title }) => title),
      ['d1'],
    )
    await host.add(directory, [made(2), made(3)])
    await host.commit(directory)
    assert.is((await host.documents(directory, { limit: 9 })).length, 3)
  } finally {
    await host.stop()
  }
})

test.run()
