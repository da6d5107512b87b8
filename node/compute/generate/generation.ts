/**
 * Text generation as a service of the daemon: models are loaded when they are asked for, each in a thread of its own, stay
 * while they are used, and go when they were idle for a while, when another needs their room, or when memory is short. A
 * model never goes under a running request.
 */
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import { createHistogram, type HistogramReading } from '../../histogram.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { inSpan } from '../../tracing.ts'
import type { ModelEntry } from '../models/model-entry.ts'
import type { Models } from '../models/registry.ts'
import type { Resources } from '../resources.ts'
import { type Engine, openEngine } from './engine.ts'
import type { Completion, PromptRequest } from './engine-messages.ts'
import type { TokenEvent } from './language-model.ts'
import { completionAttributes, generationAttributes } from './trace-attributes.ts'

/** `adapter`: id of a model of the kind `adapter`. */
export type ModelRequest = Omit<PromptRequest, 'adapter'> & { readonly adapter?: string }

export interface GenerationStats {
  readonly loaded: readonly {
    readonly model: string
    readonly residentBytes: number
    readonly active: number
  }[]
  readonly residentBytes: number
  /** Requests that run or wait. */
  readonly active: number
  readonly requests: number
  readonly promptTokens: number
  readonly completionTokens: number
  /** Of answered requests, loading and waiting included. */
  readonly requestSeconds: HistogramReading
  readonly firstTokenSeconds: HistogramReading
}

export interface Generation extends Service {
  /**
   * Continues a prompt. Throws MODEL_UNKNOWN, MODEL_NOT_LANGUAGE, GENERATE_BUSY, GENERATE_NO_MEMORY, and what the model throws
   * (CONTEXT_TOO_LONG, CONSTRAINT_UNSUPPORTED, INVALID_ARGUMENT, MODEL_NO_CHAT_TEMPLATE, …).
   */
  generate(
    model: string,
    request: ModelRequest,
    signal: AbortSignal,
    onToken?: (event: TokenEvent) => void,
  ): Promise<Completion>
  stats(): GenerationStats
}

interface Components {
  readonly models: Pick<Models, 'need' | 'get'>
  readonly artifacts: Pick<Artifacts, 'materialize'>
  readonly resources: Pick<Resources, 'limits' | 'snapshot' | 'onChange'>
  readonly events: Pick<Events, 'emit' | 'subscribe'>
  readonly log: Log
}

interface Init {
  readonly modelsDirectory: string
  readonly config: Pick<
    Config,
    | 'generate.idleMs'
    | 'generate.memoryBytes'
    | 'generate.cacheBytes'
    | 'generate.maxBatch'
    | 'generate.maxQueued'
  >
  /** The module that a thread runs; for tests. */
  readonly threadUrl?: URL
}

interface Loaded {
  readonly key: string
  readonly model: string
  readonly cid: string
  readonly sizeBytes: number
  readonly opening: Promise<Engine>
  engine: Engine | null
  users: number
  usedAt: number
  timer: NodeJS.Timeout | undefined
}

const NICENESS = 10
const RETRY_AFTER_MS = 2_000

export function createGeneration(components: Components, init: Init): Generation {
  const { models, artifacts, resources, events, log } = components
  const { config } = init
  const mostBytes = () => config['generate.memoryBytes'] ?? Math.floor(resources.limits().memoryBytes / 2)
  const loaded = new Map<string, Loaded>()
  const closing = new Set<Promise<void>>()
  const requestSeconds = createHistogram()
  const firstTokenSeconds = createHistogram()
  const totals = { requests: 0, promptTokens: 0, completionTokens: 0 }
  let clock = 0
  let open = false
  let unsubscribe: (() => void)[] = []

  const bytesOf = (one: Loaded) => Math.max(one.sizeBytes, one.engine?.residentBytes ?? 0)

  function unload(one: Loaded, reason: 'idle' | 'memory' | 'removed' | 'crashed' | 'stopped'): void {
    if (loaded.get(one.key) === one) loaded.delete(one.key)
    clearTimeout(one.timer)
    const done = one.opening
      .then((engine) => engine.close())
      .catch(() => {
        // It never opened; whoever asked for it has the failure.
      })
      .finally(() => closing.delete(done))
    closing.add(done)
    log.info({ model: one.model, reason }, 'a language model is unloaded')
    events.emit('generate:unloaded', { model: one.model, reason })
  }

  /** Least recently used first, those without a request. */
  function idle(): Loaded[] {
    return [...loaded.values()].filter(({ users }) => users === 0).sort((a, b) => a.usedAt - b.usedAt)
  }

  /** Makes room for a model of so many bytes. Throws GENERATE_NO_MEMORY. */
  async function makeRoom(key: string, sizeBytes: number): Promise<void> {
    const maxBytes = mostBytes()
    const held = () =>
      [...loaded.values()].reduce((sum, one) => (one.key === key ? sum : sum + bytesOf(one)), 0)
    for (const one of idle()) {
      if (held() + sizeBytes <= maxBytes) break
      unload(one, 'memory')
    }
    // What goes gives its memory back before more is taken.
    await Promise.all(closing)
    if (held() + sizeBytes > maxBytes)
      throw new VillageError(
        'GENERATE_NO_MEMORY',
        `The model of ${sizeBytes} bytes does not fit beside those in use`,
        {
          fields: { sizeBytes, heldBytes: held(), maxBytes, retryAfterMs: RETRY_AFTER_MS },
        },
      )
  }

  async function openModel(key: string, cid: string, sizeBytes: number, adapters: boolean): Promise<Engine> {
    await makeRoom(key, sizeBytes)
    const modelDir = await artifacts.materialize(cid, init.modelsDirectory)
    return openEngine(
      { log },
      {
        modelDir,
        threads: resources.limits().cpuCores,
        niceness: NICENESS,
        maxBatch: config['generate.maxBatch'],
        cacheBytes: config['generate.cacheBytes'],
        adapters,
        ...(init.threadUrl !== undefined && { threadUrl: init.threadUrl }),
      },
    )
  }

  function acquire(entry: { id: string; cid: string; sizeBytes: number }, adapters: boolean): Loaded {
    const key = `${entry.cid}:${adapters}`
    const known = loaded.get(key)
    if (known !== undefined && (known.engine === null || known.engine.alive)) return known
    if (known !== undefined) unload(known, 'crashed')
    const one: Loaded = {
      key,
      model: entry.id,
      cid: entry.cid,
      sizeBytes: entry.sizeBytes,
      opening: openModel(key, entry.cid, entry.sizeBytes, adapters),
      engine: null,
      users: 0,
      usedAt: 0,
      timer: undefined,
    }
    loaded.set(key, one)
    one.opening.then(
      (engine) => {
        one.engine = engine
        log.info({ model: one.model, residentBytes: engine.residentBytes }, 'a language model is loaded')
        events.emit('generate:loaded', { model: one.model, residentBytes: engine.residentBytes })
      },
      () => {
        if (loaded.get(key) === one) loaded.delete(key)
      },
    )
    return one
  }

  function release(one: Loaded): void {
    one.users -= 1
    one.usedAt = ++clock
    if (one.users > 0 || loaded.get(one.key) !== one) return
    if (resources.snapshot().reason === 'memory') {
      unload(one, 'memory')
      return
    }
    clearTimeout(one.timer)
    one.timer = setTimeout(() => {
      if (one.users === 0) unload(one, 'idle')
    }, config['generate.idleMs'])
    one.timer.unref()
  }

  /** On other weights of the same shapes an adapter gives nonsense. A compressed form of its model is still its model. */
  async function checkBase(model: ModelEntry, adapter: ModelEntry): Promise<void> {
    const { base } = adapter
    const compressedFrom = model.report?.totals === undefined ? null : model.report.modelCid
    if (base === null || [model.cid, model.base, compressedFrom].includes(base)) return
    const trained = await models.get(base)
    throw new VillageError(
      'ADAPTER_INVALID',
      `"${adapter.id}" was trained from ${trained === null ? 'the model' : `"${trained.id}",`} ${base}, and not from "${model.id}"`,
      { fields: { model: model.id, adapter: adapter.id, base } },
    )
  }

  async function adapterDirectory(model: ModelEntry, id: string | undefined): Promise<string | undefined> {
    if (id === undefined) return undefined
    const entry = await models.need(id)
    if (entry.kind !== 'adapter')
      throw new VillageError('ADAPTER_INVALID', `"${id}" is not an adapter`, { fields: { model: id } })
    await checkBase(model, entry)
    return artifacts.materialize(entry.cid, init.modelsDirectory)
  }

  return {
    name: 'generation',
    async start() {
      open = true
      unsubscribe = [
        resources.onChange(() => {
          if (resources.snapshot().reason === 'memory') for (const one of idle()) unload(one, 'memory')
        }),
        events.subscribe((event) => {
          if (event.type !== 'artifact:removed') return
          for (const one of idle()) if (one.cid === event.data.cid) unload(one, 'removed')
        }),
      ]
    },
    async stop() {
      open = false
      for (const end of unsubscribe.splice(0)) end()
      for (const one of [...loaded.values()]) unload(one, 'stopped')
      await Promise.all(closing)
    },
    async generate(model, { adapter, ...request }, signal, onToken) {
      if (!open) throw new VillageError('SHUTTING_DOWN')
      const entry = await models.need(model)
      if (entry.kind !== 'language')
        throw new VillageError('MODEL_NOT_LANGUAGE', `"${entry.id}" is of the kind ${entry.kind}`, {
          fields: { model: entry.id, kind: entry.kind },
        })
      const adapterDir = await adapterDirectory(entry, adapter)
      const one = acquire(entry, adapterDir !== undefined)
      if (one.users >= config['generate.maxBatch'] + config['generate.maxQueued'])
        throw new VillageError('GENERATE_BUSY', `${one.users} requests run or wait for "${entry.id}"`, {
          fields: { model: entry.id, retryAfterMs: RETRY_AFTER_MS },
        })
      one.users += 1
      clearTimeout(one.timer)
      try {
        const startedMs = performance.now()
        const seconds = () => (performance.now() - startedMs) / 1000
        const completion = await inSpan(
          `text_completion ${entry.id}`,
          { attributes: generationAttributes(entry.id, request.maxTokens) },
          async (span) => {
            const engine = await one.opening
            const given = adapterDir === undefined ? request : { ...request, adapter: adapterDir }
            let isFirst = true
            const tell = (event: TokenEvent) => {
              if (isFirst) firstTokenSeconds.observe({}, seconds())
              isFirst = false
              onToken?.(event)
            }
            // Nobody is told of tokens who did not ask: each is a message between threads.
            const done = await engine.generate(given, signal, onToken === undefined ? undefined : tell)
            span.set(completionAttributes(done))
            return done
          },
        )
        requestSeconds.observe({}, seconds())
        totals.requests += 1
        totals.promptTokens += completion.promptTokens
        totals.completionTokens += completion.tokens.length
        return completion
      } finally {
        release(one)
      }
    },
    stats() {
      const all = [...loaded.values()]
      return {
        ...totals,
        requestSeconds: requestSeconds.read(),
        firstTokenSeconds: firstTokenSeconds.read(),
        loaded: all.map((one) => ({ model: one.model, residentBytes: bytesOf(one), active: one.users })),
        residentBytes: all.reduce((sum, one) => sum + bytesOf(one), 0),
        active: all.reduce((sum, one) => sum + one.users, 0),
      }
    },
  }
}
