/** A client's training of one round, on this node's own texts, and what is kept of it until the server has it. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import type { Pool } from '../../compute/pool.ts'
import type { Resources } from '../../compute/resources.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { JsonTable, Store } from '../../store.ts'
import type { FederatedOperations } from '../operations.ts'
import type { StoredUpdate, TaskFrame } from './answer-server.ts'
import { addUse, type Consent, type DayUse, offeredFiles, useOn } from './consent.ts'
import { measureEnergy } from './energy.ts'
import { runOfSpec } from './model-trainer.ts'
import type { Terms } from './terms.ts'
import { floatsOf } from './vector-stream.ts'

/** A federation that this node has said yes to. */
export interface Joined extends JsonObject {
  readonly id: string
  readonly terms: Terms
  readonly usedAtMs: number
  /** The update that was made last, as long as the server may still ask for it. */
  readonly kept: StoredUpdate | null
}

export interface TrainingComponents {
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'pin' | 'unpin'>
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  readonly longPool: Pick<Pool<FederatedOperations>, 'run'>
  readonly resources: Pick<Resources, 'limits' | 'accepts'>
  readonly store: Pick<Store, 'json'>
  readonly log: Log
}

export interface TrainingInit {
  readonly peerId: string
  /** `federate-client` below the data directory. */
  readonly directory: string
  readonly modelsDirectory: string
  readonly consent: Consent
  readonly now?: () => number
}

const USE_KEY = 'today'
export const UPDATE_FILE = 'update.bin'

export function createClientTraining(
  components: TrainingComponents & { joined: JsonTable<Joined> },
  init: TrainingInit,
) {
  const { artifacts, pool, longPool, resources, joined, log } = components
  const { peerId, consent, now = Date.now } = init
  const uses: JsonTable<DayUse> = components.store.json('federate-use')
  const pinOf = (id: string) => `work:federation-${id}`
  const directoryOf = (id: string) => path.join(init.directory, id)
  const useToday = async (): Promise<DayUse> => useOn((await uses.get(USE_KEY)) ?? null, now())

  async function train(
    { id, terms }: Joined,
    task: TaskFrame,
    vectors: Uint8Array,
    context: { peer: string; signal: AbortSignal; progress: (share: number) => void },
  ): Promise<StoredUpdate> {
    const { peer, signal, progress } = context
    const { spec } = terms
    const files = offeredFiles(consent, { server: peer, data: spec.data })
    const cid = spec.model!
    await artifacts.fetch(cid, { signal, providers: [peer] })
    await artifacts.pin(cid, pinOf(id), { private: true })
    const modelDir = await artifacts.materialize(cid, init.modelsDirectory)
    const { memoryBytes, cpuCores } = resources.limits()
    const fit = await pool.run(
      'train.memory',
      { modelPath: path.join(modelDir, MODEL_FILE), run: runOfSpec(spec, files), limitBytes: memoryBytes },
      { signal },
    )
    if (fit.totalBytes > memoryBytes) throw new VillageError('RESOURCES_INSUFFICIENT')
    const endEnergy = await measureEnergy({ cores: cpuCores, now })
    const startMs = now()
    const floats = floatsOf(vectors)
    const made = await longPool.run(
      'federate.train',
      {
        directory: directoryOf(id),
        modelDir,
        files,
        federation: id,
        client: peerId,
        round: task.round,
        counted: task.counted,
        spec,
        layoutHash: task.layoutHash,
        parameters: floats.slice(0, task.elements),
        control: task.hasControl ? floats.slice(task.elements) : null,
        threads: cpuCores,
      },
      { signal, onProgress: progress },
    )
    const busyMs = Math.max(0, Math.round(now() - startMs))
    const { joules, measured } = await endEnergy()
    const use = addUse(await useToday(), { busyMs, joules })
    await uses.put(USE_KEY, use)
    log.info(
      {
        federation: id,
        round: task.round,
        busyMs,
        joules: Math.round(joules),
        measured,
        tokens: made.tokens,
      },
      'trained a round of a federation',
    )
    return keep(id, terms, task, { ...made, busyMs })
  }

  async function keep(
    id: string,
    terms: Terms,
    task: TaskFrame,
    made: { bytes: Uint8Array; control: Uint8Array | null; tokens: number; loss: number; busyMs: number },
  ): Promise<StoredUpdate> {
    const { bytes, control, tokens, loss, busyMs } = made
    const all = control === null ? bytes : Buffer.concat([bytes, control])
    await writeFile(path.join(directoryOf(id), UPDATE_FILE), all, { mode: 0o600, flush: true })
    const kept: StoredUpdate = {
      round: task.round,
      vectors: task.vectorsHash,
      elements: task.elements,
      updateBytes: bytes.length,
      controlBytes: control?.length ?? 0,
      hash: createHash('sha256').update(all).digest('hex'),
      tokens,
      loss,
      busyMs,
    }
    await joined.put(id, { id, terms, usedAtMs: now(), kept }, { sync: true })
    return kept
  }

  return { train, directoryOf, pinOf, useToday }
}
