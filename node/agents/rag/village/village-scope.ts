/** Which collections this node may search, what a search calls them, and the segments that they consist of. */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { nearest } from '../../../nearest.ts'
import type { CollectionInfo } from '../collections/collection.ts'
import type { Collections } from '../collections/collections.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import type { SearchCollection } from '../query/search-options.ts'
import type { BrokenCollection } from './broken-collections.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { KnownCollection } from './known-collection.ts'
import { findLocalSegments, type LocalSegment } from './local-segments.ts'
import type { ReplicaStore } from './replica-store.ts'
import { type ScopeSegment, scopeOf } from './scope.ts'
import { segmentKey } from './segment-key.ts'
import type { SketchBoard } from './sketch-board.ts'

/** A collection of this node, or one of another member by its record. */
export type Source =
  | {
      readonly kind: 'own'
      readonly label: string
      readonly info: CollectionInfo
      readonly manifest: Manifest
      /** What was deleted of segments that lie with others, who may not have heard of it yet. */
      readonly awayDeletions: ReadonlyMap<string, ReadonlySet<number>>
    }
  | { readonly kind: 'other'; readonly label: string; readonly record: LiveRecord }

export interface VillageScope {
  /** Own ones first. */
  sources(): Promise<Source[]>
  /** Own ones that sources() left out when it was asked last. */
  broken(): BrokenCollection[]
  /** Those that are named: by id, name of an own one, `name@peer`, or a name that only one member uses. Throws COLLECTION_UNKNOWN. */
  choose(sources: readonly Source[], names: readonly string[] | undefined): Source[]
  segments(sources: readonly Source[], isLocal: boolean): ReadonlyMap<string, ScopeSegment>
  describe(source: Source, local: ReadonlyMap<string, LocalSegment>): KnownCollection
  /** Of this node's own collections among the sources, and of what it holds for others. */
  localSegments(sources: readonly Source[]): Map<string, LocalSegment>
}

interface Components {
  readonly collections: Pick<Collections, 'list' | 'unreadable' | 'indexDirectory'>
  readonly host: Pick<IndexHost, 'manifest' | 'deletions'>
  readonly catalogue: Catalogue
  readonly replicas: ReplicaStore
  readonly sketches: SketchBoard
  /** Members that can be asked for a segment, by key, now. */
  readonly holdersPresent: (segment: string) => number
  /** Of an own collection, by id: why the village does not learn what it is now. */
  readonly problemOf: (collection: string) => KnownCollection['problem']
  readonly log: Log
}

const NONE: ReadonlySet<number> = new Set()

export const searchCollectionOf = (source: Source): SearchCollection => {
  const { languages, encoder, weight } = source.kind === 'own' ? source.info : source.record.facts
  const segments = source.kind === 'own' ? source.manifest.segments : source.record.facts.segments
  const chunks = segments.reduce((sum, segment) => sum + segment.chunks, 0)
  const common = { name: source.label, languages, encoder, weight, chunks }
  if (source.kind !== 'own') return common
  const { feedback, candidates } = source.info
  return { ...common, feedback, candidates }
}

export function createVillageScope(components: Components, init: { self: string }): VillageScope {
  const { collections, host, catalogue, replicas, sketches, holdersPresent, problemOf, log } = components
  const { self } = init
  let broken: readonly BrokenCollection[] = []

  const idOf = (source: Source) => (source.kind === 'own' ? source.info.id : source.record.id)
  const nameOf = (source: Source) => (source.kind === 'own' ? source.info.name : source.record.facts.name)

  function localSegments(sources: readonly Source[]): Map<string, LocalSegment> {
    const own = sources.flatMap((source) => {
      if (source.kind === 'other') return []
      const { id, encoder } = source.info
      const directory = collections.indexDirectory(id)
      return [
        { local: { collection: id, directory, isOwn: true, encoder }, segments: source.manifest.segments },
      ]
    })
    const held = replicas.collections().flatMap((id) => {
      const encoder = catalogue.byId(id)?.facts.encoder
      if (encoder === undefined) return []
      const local = { collection: id, directory: replicas.directoryOf(id), isOwn: false, encoder }
      return [{ local, segments: replicas.segmentsOf(id) }]
    })
    return findLocalSegments([...own, ...held])
  }

  function segmentsOf(source: Source, local: ReadonlyMap<string, LocalSegment>): ScopeSegment[] {
    const placeOf = (segment: string) => {
      const id = segmentKey(idOf(source), segment)
      return { id, local: local.get(id) ?? null, sketch: sketches.of(id) }
    }
    if (source.kind === 'own')
      return source.manifest.segments.map((segment) => ({
        ...placeOf(segment.id),
        collection: source.label,
        owner: self,
        dims: source.manifest.settings.dims,
        encoder: source.info.encoder,
        chunks: segment.chunks,
        totalLength: segment.totalLength,
        deletions: source.awayDeletions.get(segment.id) ?? NONE,
      }))
    return source.record.facts.segments.map((segment) => ({
      ...placeOf(segment.id),
      collection: source.label,
      owner: source.record.owner,
      dims: source.record.facts.dims,
      encoder: source.record.facts.encoder,
      chunks: segment.chunks,
      totalLength: segment.totalLength,
      deletions: new Set(segment.deletions),
    }))
  }

  async function deletionsOf(directory: string, { segments }: Manifest) {
    const away = segments.filter(({ isAway, deletedChunks }) => isAway && deletedChunks > 0)
    const lists = await Promise.all(
      away.map(async ({ id }): Promise<[string, ReadonlySet<number>]> => {
        return [id, new Set(await host.deletions(directory, id))]
      }),
    )
    return new Map(lists)
  }

  return {
    localSegments,
    broken: () => [...broken],
    async sources() {
      const failed: BrokenCollection[] = collections
        .unreadable()
        .map(({ id, name, problem }) => ({ id, name: name ?? id, chunks: 0, reason: problem.code }))
      const own = await Promise.all(
        (await collections.list()).map(async (info): Promise<Source[]> => {
          try {
            const directory = collections.indexDirectory(info.id)
            const manifest = await host.manifest(directory)
            const awayDeletions = await deletionsOf(directory, manifest)
            return [{ kind: 'own', label: info.name, info, manifest, awayDeletions }]
          } catch (error) {
            const { id, name, chunks } = info
            failed.push({ id, name, chunks, reason: toVillageError(error).code })
            log.warn({ err: error, collection: id }, 'an own collection cannot be searched')
            return []
          }
        }),
      )
      broken = failed
      const others = catalogue
        .live()
        .filter(({ owner }) => owner !== self)
        .map((record): Source => ({ kind: 'other', label: `${record.facts.name}@${record.owner}`, record }))
      return [...own.flat(), ...others.sort((a, b) => (a.label < b.label ? -1 : 1))]
    },
    choose(sources, names) {
      if (names === undefined) return [...sources]
      const chosen = new Set<Source>()
      for (const name of names) {
        const exact = sources.filter((source) => source.label === name || idOf(source) === name)
        const byName = sources.filter((source) => nameOf(source) === name)
        const [found, another] = exact.length > 0 ? exact : byName
        if (found !== undefined && another === undefined) {
          chosen.add(found)
          continue
        }
        const labels = sources.map(({ label }) => label)
        const meant = nearest(name, labels)
        const hint =
          another === undefined
            ? meant === null
              ? ''
              : `; did you mean "${meant}"?`
            : `; several members have one: ${byName.map(({ label }) => label).join(', ')}`
        throw new VillageError('COLLECTION_UNKNOWN', `There is no one collection "${name}"${hint}`, {
          fields: { collection: name, suggestion: meant },
        })
      }
      return [...chosen]
    },
    segments(sources, isLocal) {
      const local = localSegments(sources)
      const all = sources.flatMap((source) => segmentsOf(source, local))
      return scopeOf(isLocal ? all.filter((segment) => segment.local !== null) : all)
    },
    describe(source, local) {
      const segments = segmentsOf(source, local)
      const present = segments.map(({ id, local }) => holdersPresent(id) + (local === null ? 0 : 1))
      const isOwn = source.kind === 'own'
      const rows = isOwn ? source.manifest.segments : source.record.facts.segments
      const deleted = isOwn
        ? source.manifest.segments.reduce((sum, { deletedChunks }) => sum + deletedChunks, 0)
        : source.record.facts.segments.reduce((sum, { deletions }) => sum + deletions.length, 0)
      const sum = (of: (row: (typeof rows)[number]) => number) =>
        rows.reduce((total, row) => total + of(row), 0)
      const facts = isOwn ? source.info : source.record.facts
      return {
        id: idOf(source),
        name: nameOf(source),
        label: source.label,
        owner: isOwn ? self : source.record.owner,
        isOwn,
        access: facts.access,
        encoder: facts.encoder,
        languages: facts.languages,
        weight: facts.weight,
        documents: isOwn ? source.info.documents : sum(({ documents }) => documents),
        chunks: sum(({ chunks }) => chunks) - deleted,
        sizeBytes: sum(({ sizeBytes }) => sizeBytes),
        segments: rows.length,
        replicas: facts.replicas,
        holdersPresent: present.length === 0 ? 1 : Math.min(...present),
        missingSegments: present.filter((count) => count === 0).length,
        localSegments: segments.filter((segment) => segment.local !== null).length,
        updatedAtMs: isOwn
          ? (catalogue.get(self, source.info.id)?.timeMs ?? source.info.createdAtMs)
          : source.record.timeMs,
        problem: isOwn ? problemOf(source.info.id) : null,
      }
    },
  }
}
