/** Segments that come from elsewhere, and segments that leave their text to others. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { adoptSegment } from '../../../../node/agents/rag/index/adopt-segment.ts'
import { createIndexHost, type IndexHost } from '../../../../node/agents/rag/index/index-host.ts'
import type { Manifest } from '../../../../node/agents/rag/index/manifest.ts'
import type { SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { createLog } from '../../../../node/log.ts'
import { documentId, madeDocument, unitVector } from '../../../helpers/index-documents.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'
import { rejectsCode, throwsCode } from '../../../helpers/throws.ts'

interface Place {
  host: IndexHost
  directory: string
  own: string
  manifest: Manifest
}

const test = suite<Place>('replicas')
const DIMS = 8
const made = (number: number, revision = 0) => madeDocument({ name: `d${number}`, revision, dims: DIMS })
const REQUEST: SearchRequest = {
  lexical: { terms: [{ term: 'part', weight: 1, field: null }], required: [], excluded: [] },
  vector: unitVector(DIMS, seededRandom(1)),
  filters: [],
  limit: 1_000,
}

/** An index of three segments, with a deleted document in the first. */
test.before.each(async (place) => {
  place.directory = mkdtempSync(path.join(tmpdir(), 'village-replicas-'))
  place.own = path.join(place.directory, 'own')
  place.host = createIndexHost({ log: createLog({ level: 'silent' }) })
  await place.host.create(place.own, { maxSegmentChunks: 20, dims: DIMS })
  await place.host.add(
    place.own,
    Array.from({ length: 30 }, (_, number) => made(number)),
  )
  await place.host.commit(place.own)
  await place.host.remove(place.own, [documentId('d4')])
  place.manifest = await place.host.commit(place.own)
  assert.is(place.manifest.segments.length, 3)
})
test.after.each(async ({ host, directory }) => {
  await host.stop()
  rmSync(directory, { recursive: true })
})

/** A copy of a segment, as it would come over the network. */
function fetched({ directory, own }: Place, id: string): string {
  const copy = mkdtempSync(path.join(directory, 'fetched-'))
  cpSync(path.join(own, id), copy, { recursive: true })
  return copy
}

test('a holder of a part answers for it as the owner does, deletions too', async (place) => {
  const { host, directory, own, manifest } = place
  const replica = path.join(directory, 'replica')
  const [first, second] = manifest.segments
  const rows = []
  for (const { id } of [first!, second!]) rows.push(await host.adopt(replica, fetched(place, id), id))
  const deletions = new Map([[first!.id, await host.deletions(own, first!.id)]])
  const part: Manifest = { ...manifest, generation: 1, segments: rows }
  const written = await host.writeManifest(replica, part, deletions)
  assert.equal(written.segments, [first, second])
  assert.equal(await host.manifest(replica), written)
  assert.equal(await host.check(replica), [])
  const ids = [first!.id, second!.id]
  const statistics = { chunks: 60, totalLength: 900, documentFrequency: new Map([['part', 60]]) }
  assert.equal(
    await host.search(replica, REQUEST, statistics),
    await host.search(own, REQUEST, statistics, { segments: ids }),
  )
  const last = await host.writeManifest(
    replica,
    { ...part, generation: 2, segments: rows.slice(1) },
    new Map(),
  )
  assert.equal(await host.manifest(replica), last)
  assert.equal(readdirSync(replica).sort(), [second!.id, 'manifest.json'].sort(), 'the other is really gone')
  await rejectsCode(host.writeManifest(replica, last, new Map([[second!.id, [20]]])), 'INVALID_ARGUMENT')
  await rejectsCode(host.writeManifest(replica, part, new Map()), 'SEGMENT_CORRUPT')
  assert.equal(await host.manifest(replica), last, 'nothing has changed')
})

test('what is not the segment that was asked for is not adopted, and leaves nothing', async (place) => {
  const { directory, manifest } = place
  const replica = path.join(directory, 'replica')
  mkdirSync(replica)
  const [first, second] = manifest.segments.map(({ id }) => id)
  const harm: ((copy: string) => void)[] = [
    (copy) => truncateSync(path.join(copy, 'postings.bin'), 3),
    (copy) => writeFileSync(path.join(copy, 'segment.json'), '{}'),
    (copy) => rmSync(path.join(copy, 'stored.bin')),
    // Its bytes are the right ones, as long as nobody changes what lies there.
    (copy) => {
      renameSync(path.join(copy, 'stored.bin'), `${copy}.elsewhere`)
      symlinkSync(`${copy}.elsewhere`, path.join(copy, 'stored.bin'))
    },
  ]
  for (const change of harm) {
    const copy = fetched(place, first!)
    change(copy)
    throwsCode(() => adoptSegment(replica, copy, first!), 'SEGMENT_CORRUPT')
  }
  throwsCode(() => adoptSegment(replica, fetched(place, second!), first!), 'SEGMENT_CORRUPT')
  throwsCode(() => adoptSegment(replica, fetched(place, second!), '../../x'), 'INVALID_ARGUMENT')
  throwsCode(() => adoptSegment(replica, path.join(directory, 'nowhere'), first!), 'SEGMENT_CORRUPT')
  assert.equal(readdirSync(replica), [])

  const stuffed = fetched(place, first!)
  writeFileSync(path.join(stuffed, 'run.sh'), 'x')
  mkdirSync(path.join(stuffed, 'more'))
  adoptSegment(replica, stuffed, first!)
  assert.equal(readdirSync(replica), [first])
  assert.not.ok(readdirSync(path.join(replica, first!)).some((name) => name === 'run.sh' || name === 'more'))
})

test('a segment that is away keeps its documents, is not searched, and can come back', async (place) => {
  const { host, own, manifest } = place
  const [first, second, third] = manifest.segments.map(({ id }) => id)
  const copy = fetched(place, second!)
  const whole = await host.search(own, REQUEST, null)
  await rejectsCode(host.sendAway(own, ['f'.repeat(64)]), 'NOT_FOUND')
  const away = await host.sendAway(own, [second!])
  // Whoever opens it now has never seen the chunks.
  await host.close(own)
  assert.equal(
    away.segments.map(({ id, isAway }) => [id, isAway]),
    [
      [first, false],
      [second, true],
      [third, false],
    ],
  )
  assert.equal(readdirSync(path.join(own, second!)).sort(), ['columns.bin', 'documents.bin', 'segment.json'])
  assert.is((await host.documents(own, { limit: 100 })).length, 29)
  const rest = await host.search(own, REQUEST, null)
  assert.equal(new Set(rest.lexical.map(({ segment }) => segment)), new Set([first, third]))
  assert.equal(
    (await host.statistics(own, ['part'])).map(({ segment }) => segment),
    [first, third],
  )
  assert.equal(await host.chunks(own, [{ segment: second!, chunk: 0 }]), [null])
  assert.equal(await host.documentChunks(own, documentId('d12')), [])
  await rejectsCode(host.sketch(own, second!), 'INDEX_SEGMENT_AWAY')
  assert.equal(await host.check(own), [])

  // One of its documents is changed: the new form is here, the old one counts no more.
  await host.add(own, [made(12, 1)])
  const changed = await host.commit(own)
  assert.is(changed.segments.find(({ id }) => id === second)?.deletedDocuments, 1)
  assert.is((await host.documentChunks(own, documentId('d12'))).length, 2)
  await host.compact(own, { merge: true })
  assert.ok(
    (await host.manifest(own)).segments.some(({ id, isAway }) => id === second && isAway),
    'it is left alone',
  )

  const row = await host.adopt(own, copy, second!)
  assert.not.ok(row.isAway)
  assert.is(row.deletedDocuments, 1)
  const back = await host.search(own, REQUEST, null)
  assert.is(back.lexical.length, whole.lexical.length)
  assert.is(back.vectors.length, whole.vectors.length)
  assert.is((await host.documents(own, { limit: 100 })).length, 29)
  await host.compact(own)
  assert.equal(
    (await host.manifest(own)).segments.map(({ deletedChunks }) => deletedChunks).filter(Boolean),
    [],
  )
  assert.equal(await host.check(own), [])
})

test('the very documents of a segment that is away, indexed again, are here again', async (place) => {
  const { host, own, manifest } = place
  const third = manifest.segments[2]!.id
  await host.sendAway(own, [third])
  const records = (await host.documents(own, { limit: 100 })).map(({ source }) => source)
  await host.add(
    own,
    Array.from({ length: 10 }, (_, number) => made(20 + number)),
  )
  const { segments } = await host.commit(own)
  assert.equal(
    segments.filter(({ id }) => id === third).map(({ isAway, deletedChunks }) => [isAway, deletedChunks]),
    [[false, 0]],
  )
  assert.is((await host.documentChunks(own, documentId('d25'))).length, 2)
  assert.equal(
    (await host.documents(own, { limit: 100 })).map(({ source }) => source),
    records,
  )
  assert.equal(await host.check(own), [])
})

test.run()
