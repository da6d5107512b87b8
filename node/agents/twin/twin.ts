/**
 * The Twin: what this node remembers of the person who owns it. It is sealed on this node's disk, goes into that person's own requests and
 * nowhere else: not to members, not into sketches, logs or events, and to a remote model only where the configuration says so.
 */
import { randomBytes } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { SealedStore } from '../../sealed-store.ts'
import { type Asker, scopeAllows } from '../asker.ts'
import type { CollectionEncoder } from '../rag/collections/collection-encoder.ts'
import type { Erasure } from './erasure.ts'
import { frameMemories } from './frame-memories.ts'
import {
  exportMemories,
  MAX_MEMORY_CHARACTERS,
  type Memory,
  type MemoryKind,
  memoryRecord,
  readMemoryRecord,
} from './memory.ts'
import { type KnownMemory, type RankedMemory, rankMemories } from './rank-memories.ts'
import { readStatement, relationOf, type Statement } from './subjects.ts'

export interface MemoryWish {
  readonly text: string
  readonly kind?: MemoryKind
  readonly source?: Memory['source']
  readonly confidence?: number
}

export interface Remembered {
  readonly memory: Memory
  /** What it contradicted, and took the place of. */
  readonly replaced: readonly Memory[]
  /** False: it was known already. */
  readonly isNew: boolean
}

export interface Twin extends Service {
  isEnabled(): boolean
  /** Throws TWIN_DISABLED, INVALID_ARGUMENT, SEALED_STORE_FULL. */
  remember(wish: MemoryWish): Promise<Remembered>
  /** Throws NOT_FOUND, INVALID_ARGUMENT. */
  edit(id: string, change: { text?: string; kind?: MemoryKind }): Promise<Memory>
  /** Newest first. */
  list(): readonly Memory[]
  /** Best first. */
  search(text: string, limit: number, signal: AbortSignal): Promise<RankedMemory[]>
  /** Erases one by its id. Throws NOT_FOUND. */
  forget(id: string): Promise<Memory>
  /** What came of conversations: their summaries, and what was learned from them. */
  forgetConversations(ids: readonly string[]): Promise<void>
  /** Memories that words name: one that says the same, else all that share what the words are about. */
  named(words: string): readonly Memory[]
  export(): JsonObject
  /** Only of the Twin itself; Erasure erases the rest of what a person said too. */
  clear(): Promise<void>
  /**
   * What a model is told of the person before their request: lines of text, or null where nothing fits, the asker is not the person,
   * the Twin is off, or `remote` models may not see it.
   */
  recallFor(
    asker: Asker,
    text: string,
    init: { readonly remote: boolean },
    signal: AbortSignal,
  ): Promise<string | null>
  stats(): {
    readonly memories: number
    readonly sizeBytes: number
    readonly damaged: number
    /** Why words decide alone; null: vectors do too. */
    readonly vectorsFailed: string | null
  }
}

interface Components {
  readonly store: SealedStore
  readonly encoder: Pick<CollectionEncoder, 'resolve' | 'embed'>
  readonly erasure: Pick<Erasure, 'onErase'>
  readonly log: Log
}

export interface TwinInit {
  readonly isEnabled: boolean
  /** Whether endpoints of the configuration may be told what it remembers. */
  readonly mayLeave: boolean
  readonly now?: () => number
}

const RECALLED = 8
const RECALLED_CHARACTERS = 2_000
/** Below it, a memory has too little to do with a text to be told with it. */
const LEAST_SCORE = 0.25

/** The person: whoever has the node's own token, or a key that they gave all rights. */
export function isPerson(asker: Asker): boolean {
  return asker.kind === 'owner' || (asker.kind === 'key' && scopeAllows(asker.scope, 'admin'))
}

export function createTwin(components: Components, init: TwinInit): Twin {
  const { store, encoder, erasure, log } = components
  const now = init.now ?? Date.now
  const known = new Map<string, KnownMemory & { readonly encoder: string | null }>()
  let vectorsFailed: string | null = null
  let isLoaded = false
  let tail: Promise<unknown> = Promise.resolve()
  erasure.onErase('twin', 'memories', () => clear())

  function serial<T>(work: () => Promise<T>): Promise<T> {
    const turn = tail.then(work)
    tail = turn.catch(() => undefined)
    return turn
  }

  function needEnabled(): void {
    if (!init.isEnabled) throw new VillageError('TWIN_DISABLED')
  }

  function need(id: string): Memory {
    const found = known.get(id)?.memory
    if (found === undefined) throw new VillageError('NOT_FOUND', 'The Twin has no memory with this id')
    return found
  }

  function checked(text: string): string {
    const given = text.normalize('NFC').replace(/\s+/g, ' ').trim()
    if (given === '' || given.length > MAX_MEMORY_CHARACTERS)
      throw new VillageError('INVALID_ARGUMENT', `A memory has 1 to ${MAX_MEMORY_CHARACTERS} characters`, {
        fields: { field: 'text' },
      })
    return given
  }

  async function write(
    memory: Memory,
    vector: Float32Array | null,
    encoderCid: string | null,
  ): Promise<void> {
    const sealed = vector === null || encoderCid === null ? null : { encoder: encoderCid, values: vector }
    await store.put(memory.id, memoryRecord(memory, sealed))
    known.set(memory.id, { memory, statement: readStatement(memory.text), vector, encoder: encoderCid })
  }

  async function erase(id: string): Promise<void> {
    await store.delete(id)
    known.delete(id)
  }

  /** What a new memory says again, and what it contradicts. A conversation has one summary. */
  function rivalsOf(
    statement: Statement,
    kind: MemoryKind,
    conversation: string | null,
  ): { same: Memory | undefined; replaced: Memory[] } {
    const rows = [...known.values()]
    if (kind === 'summary') {
      const isIts = ({ memory }: KnownMemory) =>
        memory.kind === 'summary' && memory.source.conversation === conversation
      return { same: rows.find(isIts)?.memory, replaced: [] }
    }
    const rivals = rows.filter(({ memory }) => memory.kind !== 'summary')
    const same = rivals.find((one) => relationOf(statement, one.statement) === 'same')
    const contradicted = rivals.filter(
      (one) => one !== same && relationOf(statement, one.statement) === 'replaces',
    )
    return { same: same?.memory, replaced: contradicted.map(({ memory }) => memory) }
  }

  const clear = (): Promise<void> =>
    serial(async () => {
      await store.clear()
      known.clear()
    })

  const newestFirst = (): Memory[] =>
    [...known.values()].map(({ memory }) => memory).sort((a, b) => b.updatedAtMs - a.updatedAtMs)

  /** Vectors of the memories that have none of this encoder yet; they are sealed with them. */
  async function embedMissing(cid: string, signal: AbortSignal): Promise<void> {
    const missing = [...known.values()].filter((one) => one.encoder !== cid)
    if (missing.length === 0) return
    const { vectors, dims } = await encoder.embed(
      cid,
      missing.map(({ memory }) => memory.text),
      signal,
    )
    await serial(async () => {
      for (const [index, { memory }] of missing.entries()) {
        // It may have been edited or erased since.
        if (known.get(memory.id)?.memory !== memory) continue
        await write(memory, vectors.slice(index * dims, (index + 1) * dims), cid)
      }
    })
  }

  async function vectorOf(text: string, signal: AbortSignal): Promise<Float32Array | null> {
    try {
      const { cid } = await encoder.resolve(undefined, signal)
      await embedMissing(cid, signal)
      const { vectors } = await encoder.embed(cid, [text], signal)
      vectorsFailed = null
      return vectors
    } catch (error) {
      signal.throwIfAborted()
      // Memories still are found by their words, and stats() says that it is by words alone.
      vectorsFailed = error instanceof VillageError ? error.code : 'INTERNAL'
      log.warn({ code: vectorsFailed }, 'the memories of the twin are searched by words alone')
      return null
    }
  }

  async function search(text: string, limit: number, signal: AbortSignal): Promise<RankedMemory[]> {
    if (known.size === 0) return []
    const vector = await vectorOf(text.slice(0, MAX_MEMORY_CHARACTERS), signal)
    return rankMemories({ terms: readStatement(text).terms, vector }, [...known.values()]).slice(0, limit)
  }

  async function load(signal: AbortSignal | null): Promise<void> {
    known.clear()
    for (const { id } of store.list()) {
      signal?.throwIfAborted()
      const record = await store.getJson(id).catch((error: unknown) => {
        if (!(error instanceof VillageError) || error.code !== 'SEALED_RECORD_DAMAGED') throw error
        log.error({ code: error.code }, 'a memory of the twin cannot be read')
        return null
      })
      if (record === null) continue
      const { memory, vector } = readMemoryRecord(record)
      known.set(id, {
        memory,
        statement: readStatement(memory.text),
        vector: vector?.values ?? null,
        encoder: vector?.encoder ?? null,
      })
    }
    isLoaded = true
  }

  return {
    name: 'twin',
    async start(signal) {
      await load(signal)
    },
    async stop() {
      await tail
    },
    isEnabled: () => init.isEnabled,
    remember: async (wish) => {
      needEnabled()
      const text = checked(wish.text)
      const statement = readStatement(text)
      const source = wish.source ?? { kind: 'added', conversation: null }
      const kind = wish.kind ?? statement.kind
      const confidence = wish.confidence ?? 1
      return serial(async () => {
        const { same, replaced } = rivalsOf(statement, kind, source.conversation)
        const atMs = now()
        const memory: Memory = {
          // In the place of what it contradicts: a crash leaves the one or the other.
          id: same?.id ?? replaced[0]?.id ?? randomBytes(6).toString('hex'),
          kind,
          text,
          source,
          confidence: Math.max(confidence, same?.confidence ?? 0),
          createdAtMs: same?.createdAtMs ?? atMs,
          updatedAtMs: atMs,
        }
        await write(memory, null, null)
        for (const { id } of replaced) if (id !== memory.id) await erase(id)
        return { memory, replaced, isNew: same === undefined }
      })
    },
    edit: (id, change) =>
      serial(async () => {
        needEnabled()
        const before = need(id)
        const text = change.text === undefined ? before.text : checked(change.text)
        const memory: Memory = { ...before, text, kind: change.kind ?? before.kind, updatedAtMs: now() }
        await write(memory, null, null)
        return memory
      }),
    list: newestFirst,
    search,
    forget: (id) =>
      serial(async () => {
        const memory = need(id)
        await erase(id)
        return memory
      }),
    forgetConversations: (ids) =>
      serial(async () => {
        // An erasure that was cut off is finished before the start.
        if (!isLoaded) await load(null)
        const conversations = new Set<string | null>(ids)
        const theirs = [...known.values()].filter(({ memory }) =>
          conversations.has(memory.source.conversation),
        )
        await store.deleteMany(theirs.map(({ memory }) => memory.id))
        for (const { memory } of theirs) known.delete(memory.id)
      }),
    named(words) {
      const wanted = readStatement(words)
      const rows = [...known.values()]
      const same = rows.filter(({ statement }) => relationOf(wanted, statement) === 'same')
      if (same.length > 0) return same.map(({ memory }) => memory)
      // "forget my sister": every word that carries it is in the memory.
      const holding = rows.filter(
        ({ statement }) =>
          wanted.terms.length > 0 && wanted.terms.every((term) => statement.terms.includes(term)),
      )
      return holding.map(({ memory }) => memory)
    },
    export: () => exportMemories(newestFirst().reverse(), now()),
    clear,
    async recallFor(asker, text, { remote }, signal) {
      if (!init.isEnabled || !isPerson(asker) || (remote && !init.mayLeave) || known.size === 0) return null
      // How somebody wants to be answered goes with every request; the rest where it has to do with it.
      const standing = newestFirst().filter(({ id, kind }) => {
        const subjects = known.get(id)!.statement.subjects
        return kind === 'preference' && subjects.some((subject) => subject.startsWith('wants:'))
      })
      const fitting = (await search(text, RECALLED, signal))
        .filter(({ score }) => score >= LEAST_SCORE)
        .map(({ memory }) => memory)
      const chosen = [...new Set([...standing.slice(0, RECALLED), ...fitting])].slice(0, RECALLED)
      const lines: string[] = []
      let characters = 0
      for (const memory of chosen) {
        characters += memory.text.length
        if (characters > RECALLED_CHARACTERS) break
        lines.push(`- ${memory.text}`)
      }
      if (lines.length === 0) return null
      return frameMemories(lines)
    },
    stats: () => {
      const { sizeBytes, damaged } = store.stats()
      return { memories: known.size, sizeBytes, damaged, vectorsFailed }
    },
  }
}
