/** The real generation service over model directories, without a registry and a store. */
import type { Generation } from '../../node/compute/generate/generation.ts'
import { createGeneration } from '../../node/compute/generate/generation.ts'
import type { ModelEntry } from '../../node/compute/models/model-entry.ts'
import type { PauseReason, ResourceSnapshot } from '../../node/compute/resources.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents, type VillageEvent } from '../../node/events.ts'
import { createLog } from '../../node/log.ts'

export interface TestGeneration {
  readonly generation: Generation
  readonly events: VillageEvent[]
  /** What the resources say from now on; those who listen are told. */
  pause(reason: PauseReason | null): void
}

export interface TestModel {
  readonly directory: string
  readonly kind?: ModelEntry['kind']
  readonly sizeBytes?: number
  /** Of an adapter: id of the model that it was trained from. */
  readonly base?: string
  /** Id of the model that it was compressed from. */
  readonly compressedFrom?: string
}

export async function startGeneration(
  directories: Readonly<Record<string, TestModel>>,
  init: { config?: Partial<Config>; threadUrl?: URL } = {},
): Promise<TestGeneration> {
  const seen: VillageEvent[] = []
  const events = createEvents()
  events.subscribe((event) => seen.push(event))
  let reason: PauseReason | null = null
  const listeners = new Set<() => void>()
  const generation = createGeneration(
    {
      models: {
        async need(id) {
          const model = directories[id]
          if (model === undefined) throw new VillageError('MODEL_UNKNOWN')
          const { kind = 'language', sizeBytes = 1000, base = null, compressedFrom } = model
          const report = compressedFrom === undefined ? null : { totals: {}, modelCid: compressedFrom }
          return { id, cid: id, kind, sizeBytes, base, report } as ModelEntry
        },
        get: async (cid) => (directories[cid] === undefined ? null : ({ id: cid, cid } as ModelEntry)),
      },
      artifacts: { materialize: async (cid) => directories[cid]!.directory },
      resources: {
        limits: () => ({ cpuCores: 1, memoryBytes: 2 ** 30, diskBytes: 2 ** 30, uploadBytesPerSecond: null }),
        snapshot: () => ({ reason }) as ResourceSnapshot,
        onChange(listener) {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
      events,
      log: createLog({ level: 'silent' }),
    },
    {
      modelsDirectory: '/',
      config: { ...DEFAULT_CONFIG, ...init.config },
      ...(init.threadUrl !== undefined && { threadUrl: init.threadUrl }),
    },
  )
  await generation.start(new AbortController().signal)
  return {
    generation,
    events: seen,
    pause(next) {
      reason = next
      for (const listener of listeners) listener()
    },
  }
}

/** Resolves when an event of the type has come, of a number that may be above 1. */
export async function seenEvent(
  started: TestGeneration,
  type: VillageEvent['type'],
  count = 1,
): Promise<VillageEvent> {
  for (;;) {
    const found = started.events.filter((event) => event.type === type)
    if (found.length >= count) return found[count - 1]!
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
