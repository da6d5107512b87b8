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
import { type Consent, offeredFiles } from './consent.ts'
import { createOwnerLimits } from './owner-limits.ts'
import { runOfSpec } from './run-of-spec.ts'
import type { Terms } from './terms.ts'
import { floatsOf } from './vector-stream.ts'

/** A federation that this node has said yes to. */
export interface Joined extends JsonObject {
  readonly id: string
  readonly terms: Terms
  readonly usedAtMs: number
  /**
   * Of the order in which the texts are learned, drawn by this node: what nobody else knows cannot be trained again to take two
   * sums apart.
   */
  readonly dataSeed: number
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

export const UPDATE_FILE = 'update.bin'

export function createClientTraining(
  components: TrainingComponents & { joined: JsonTable<Joined> },
  init: TrainingInit,
) {
  const { artifacts, pool, longPool, resources, joined, log } = components
  const { peerId, consent, now = Date.now } = init
  const limits = createOwnerLimits(components, { consent, now })
  const pinOf = (id: string) => `work:federation-${id}`
  const directoryOf = (id: string) => path.join(init.directory, id)

  /** `secureRounds`: how many of its rounds were in secure sums. */
  async function train(
    member: Joined,
    task: TaskFrame,
    vectors: Uint8Array,
    context: {
      peer: string
      secureRounds: number
      signal: AbortSignal
      progress: (share: number) => void
    },
  ): Promise<StoredUpdate> {
    const { id, terms, dataSeed } = member
    const { peer, progress, secureRounds } = context
    const { spec } = terms
    const deadlineMs = spec.clients.deadlineSeconds * 1_000
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(deadlineMs)])
    const files = offeredFiles(consent, { server: peer, data: spec.data })
    const cid = spec.model!
    const { memoryBytes, cpuCores } = resources.limits()
    // It will be in memory as a whole: what could not be is not fetched either.
    await artifacts.fetch(cid, { signal, providers: [peer], maxBytes: memoryBytes })
    await artifacts.pin(cid, pinOf(id), { private: true })
    const modelDir = await artifacts.materialize(cid, init.modelsDirectory)
    const fit = await pool.run(
      'train.memory',
      { modelPath: path.join(modelDir, MODEL_FILE), run: runOfSpec(spec, files), limitBytes: memoryBytes },
      { signal },
    )
    if (fit.totalBytes > memoryBytes) throw new VillageError('RESOURCES_INSUFFICIENT')
    const floats = floatsOf(vectors)
    const { result, busyMs, joules, measured } = await limits.within({ deadlineMs, signal }, (allowed) =>
      longPool.run(
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
          dataSeed,
          // The server's word would do to have the same steps made again, in other company.
          stepsBefore: spec.secure === null ? null : secureRounds * spec.local.steps,
          layoutHash: task.layoutHash,
          parameters: floats.slice(0, task.elements),
          control: task.hasControl ? floats.slice(task.elements) : null,
          threads: cpuCores,
        },
        { signal: allowed, onProgress: progress },
      ),
    )
    const { round } = task
    const { tokens } = result
    log.info(
      { federation: id, round, busyMs, joules: Math.round(joules), measured, tokens },
      'trained a round of a federation',
    )
    return keep(member, task, { ...result, busyMs })
  }

  async function keep(
    member: Joined,
    task: TaskFrame,
    made: { bytes: Uint8Array; control: Uint8Array | null; tokens: number; loss: number; busyMs: number },
  ): Promise<StoredUpdate> {
    const { bytes, control, tokens, loss, busyMs } = made
    const { id } = member
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
    await joined.put(id, { ...member, usedAtMs: now(), kept }, { sync: true })
    return kept
  }

  return { train, directoryOf, pinOf, useToday: limits.useToday }
}
