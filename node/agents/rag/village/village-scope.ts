/** Which collections this node may search, what a search calls them, and the segments that they consist of. */
import { VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { nearest } from '../../../nearest.ts'
import type { CollectionInfo } from '../collections/collection.ts'
import type { Collections } from '../collections/collections.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import type { SearchCollection } from '../query/search-options.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { KnownCollection } from './known-collection.ts'
import { findLocalSegments, type LocalSegment } from './local-segments.ts'
import type { ReplicaStore } from './replica-store.ts'
import { blindSketch, type ScopeSegment, scopeOf } from './scope.ts'
import type { SketchBoard } from './sketch-board.ts'

/** A collection of this node, or one of another member by its record. */
export type Source =
  | {
      readonly kind: 'own'
      readonly label: string
      readonly info: CollectionInfo
      readonly manifest: Manifest
    }
  | { readonly kind: 'other'; readonly label: string; readonly record: LiveRecord }

export interface VillageScope {
  /** Own ones first. */
  sources(): Promise<Source[]>
  /** Those that are named: by id, name of an own one, `name@peer`, or a name that only one member uses. Throws COLLECTION_UNKNOWN. */
  choose(sources: readonly Source[], names: readonly string[] | undefined): Source[]
  segments(sources: readonly Source[], isLocal: boolean): ReadonlyMap<string, ScopeSegment>
  describe(source: Source, local: ReadonlyMap<string, LocalSegment>): KnownCollection
  /** Of this node's own collections among the sources, and of what it holds for others. */
  localSegments(sources: readonly Source[]): Map<string, LocalSegment>
}

interface Components {
  readonly collections: Pick<Collections, 'list' | 'indexDirectory'>
  readonly host: Pick<IndexHost, 'manifest'>
  readonly catalogue: Catalogue
  readonly replicas: ReplicaStore
  readonly sketches: SketchBoard
  /** Members that can be asked for a segment now. */
  readonly holdersPresent: (segment: string) => number
  readonly log: Log
}

const NONE: ReadonlySet<number> = new Set()

export const searchCollectionOf = (source: Source): SearchCollection => {
  const { languages, encoder, weight } = source.kind === 'own' ? source.info : source.record.facts
  const segments = source.kind === 'own' ? source.manifest.segments : source.record.facts.segments
  const chunks = segments.reduce((sum, segment) => sum + segment.chunks, 0)
  return { name: source.label, languages, encoder, weight, chunks }
}

export function createVillageScope(components: Components, init: { self: string }): VillageScope {
  const { collections, host, catalogue, replicas, sketches, holdersPresent, log } = components
  const { self } = init

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
    const id = idOf(source)
    const here = (segment: string) => {
      const found = local.get(segment)
      return found?.collection === id ? found : null
    }
    if (source.kind === 'own')
      return source.manifest.segments.map((segment) => ({
        id: segment.id,
        collection: source.label,
        encoder: source.info.encoder,
        chunks: segment.chunks,
        totalLength: segment.totalLength,
        deletions: NONE,
        local: here(segment.id),
        sketch: sketches.of(segment.id) ?? blindSketch(segment),
      }))
    return source.record.facts.segments.map((segment) => ({
      id: segment.id,
      collection: source.label,
      encoder: source.record.facts.encoder,
      chunks: segment.chunks,
      totalLength: segment.totalLength,
      deletions: new Set(segment.deletions),
      local: here(segment.id),
      sketch: sketches.of(segment.id) ?? blindSketch(segment),
    }))
  }

  return {
    localSegments,
    async sources() {
      const own = await Promise.all(
        (await collections.list()).map(async (info): Promise<Source[]> => {
          try {
            const manifest = await host.manifest(collections.indexDirectory(info.id))
            return [{ kind: 'own', label: info.name, info, manifest }]
          } catch (error) {
            log.warn({ err: error, collection: info.id }, 'an own collection cannot be searched')
            return []
          }
        }),
      )
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
      }
    },
  }
}
