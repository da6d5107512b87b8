/**
 * This node as a client of federations: it answers offers and tasks of members that its owner allows, trains on the owner's
 * texts, and sends updates. Texts, residuals and control variates never leave the directory of the federation.
 */
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Service } from '../../lifecycle.ts'
import type { FramedStream } from '../../mesh/framed-stream.ts'
import { peerOf, type Signer } from '../../mesh/membership/keys.ts'
import type { Mesh, StreamContext } from '../../mesh/mesh.ts'
import { ClientFrame, FEDERATE_PROTOCOL, ServerFrame } from '../../mesh/protocols/federate.ts'
import type { JsonTable, Store } from '../../store.ts'
import {
  EMPTY_CLIENT,
  receiveVectors,
  type StoredUpdate,
  sendUpdate,
  type TaskFrame,
  withBeats,
} from './answer-server.ts'
import {
  createClientTraining,
  type Joined,
  type TrainingComponents,
  type TrainingInit,
  UPDATE_FILE,
} from './client-training.ts'
import { checkUse, offeredFiles } from './consent.ts'
import { answerSecurely } from './secure-answer.ts'
import { STRATEGY_TABLE } from './strategies.ts'
import { federationId, readTerms } from './terms.ts'
import { decodeUpdate } from './update-codec.ts'

export interface FederateClient extends Service {
  /** What this node takes part in. */
  list(): Promise<readonly { id: string; name: string; server: string; usedAtMs: number }[]>
}

interface Components extends TrainingComponents {
  readonly mesh: Pick<Mesh, 'handle' | 'village' | 'roleOf'>
  readonly store: Pick<Store, 'json'>
}

interface Init extends TrainingInit {
  /** The identity of this node: it signs its part of secure sums. */
  readonly signer: Signer
}

const unmaskedKey = (id: string, vectors: string) => `${id}/${vectors}`
/** A federation that has asked for nothing for this long is forgotten with all that was kept for it. */
const FORGOTTEN_MS = 30 * 86_400_000
/** Vectors that come in may take this share of the memory that is lent. */
const VECTORS_SHARE = 0.25

/** Make it before the mesh starts. */
export function createFederateClient(components: Components, init: Init): FederateClient {
  const { mesh, artifacts, resources } = components
  const log = components.log.child({ service: 'federate-client' })
  const { consent, now = Date.now } = init
  const joined: JsonTable<Joined> = components.store.json('federate-joined')
  /** Parameters of which an update was in a secure sum: no other sum may have it. */
  const unmasked: JsonTable<boolean> = components.store.json('federate-unmasked')
  /** One training at a time: it takes all threads that are lent. */
  let busy = false
  const stopping = new AbortController()
  const training = createClientTraining({ ...components, log, joined }, init)

  const isParticipant = (id: string): boolean => {
    const role = mesh.roleOf(peerOf(Buffer.from(id, 'hex')))
    return role !== null && role !== 'guest'
  }

  async function answerOffer(
    stream: FramedStream,
    offer: { terms: Uint8Array; signature: Uint8Array },
    { peer, signal }: StreamContext,
  ): Promise<void> {
    const cores = resources.limits().cpuCores
    let code = ''
    try {
      const village = mesh.village()?.id ?? ''
      const terms = readTerms({ bytes: offer.terms, signature: offer.signature }, { peer, village })
      offeredFiles(consent, { server: peer, data: terms.spec.data })
      const id = federationId(offer.terms)
      const before = await joined.get(id)
      await joined.put(id, { id, terms, usedAtMs: now(), kept: before?.kept ?? null }, { sync: true })
      if (before === undefined)
        log.info({ federation: id, server: peer, data: terms.spec.data }, 'takes part in a federation')
    } catch (error) {
      code = toVillageError(error).code
      log.debug({ err: error, peer }, 'an offer was refused')
    }
    await stream.send(
      ClientFrame,
      { ...EMPTY_CLIENT, answer: { code, cores, wantsVectors: false } },
      { signal },
    )
  }

  /** Throws the refusal. */
  async function mayWork(task: TaskFrame, peer: string): Promise<Joined> {
    const found = await joined.get(task.federation)
    if (found === undefined || found.terms.server !== peer) throw new VillageError('FEDERATION_ROUND_STALE')
    if ((await unmasked.get(unmaskedKey(found.id, task.vectorsHash))) === true)
      throw new VillageError('FEDERATION_ROUND_STALE')
    const hasControl = STRATEGY_TABLE[found.terms.spec.strategy].rule === 'control'
    if (task.hasControl !== hasControl) throw new VillageError('PROTOCOL_MALFORMED')
    offeredFiles(consent, { server: peer, data: found.terms.spec.data })
    if (found.terms.village !== mesh.village()?.id) throw new VillageError('FEDERATION_REFUSED')
    return found
  }

  async function mayTrain(task: TaskFrame): Promise<void> {
    if (!resources.accepts(false) || busy) throw new VillageError('WORK_PAUSED')
    checkUse(consent, await training.useToday())
    const vectorBytes = task.elements * 4 * (task.hasControl ? 2 : 1)
    if (vectorBytes > resources.limits().memoryBytes * VECTORS_SHARE)
      throw new VillageError('RESOURCES_INSUFFICIENT')
  }

  /** The update that was made for just this task. */
  const keptFor = ({ kept }: Joined, task: TaskFrame): StoredUpdate | null =>
    kept !== null && kept.round === task.round && kept.vectors === task.vectorsHash ? kept : null

  async function work(stream: FramedStream, task: TaskFrame, context: StreamContext): Promise<void> {
    const { peer, signal } = context
    const cores = resources.limits().cpuCores
    const answer = (code: string, wantsVectors: boolean) =>
      stream.send(ClientFrame, { ...EMPTY_CLIENT, answer: { code, cores, wantsVectors } }, { signal })
    let found: Joined
    let before: StoredUpdate | null
    try {
      found = await mayWork(task, peer)
      before = keptFor(found, task)
      if (before === null) await mayTrain(task)
    } catch (error) {
      await answer(toVillageError(error).code, false)
      return
    }
    if (before !== null) {
      await answer('', false)
      await deliver(stream, found, before, signal)
      return
    }
    busy = true
    try {
      await answer('', true)
      const vectors = await receiveVectors(stream, task, signal)
      const kept = await withBeats(stream, { connection: signal, stopping: stopping.signal }, (work) =>
        training.train(found, task, vectors, { peer, ...work }),
      )
      await deliver(stream, found, kept, signal)
    } finally {
      busy = false
    }
  }

  async function deliver(
    stream: FramedStream,
    { id, terms }: Joined,
    kept: StoredUpdate,
    signal: AbortSignal,
  ): Promise<void> {
    const bytes = await readFile(path.join(training.directoryOf(id), UPDATE_FILE))
    const code =
      terms.spec.secure === null
        ? await sendUpdate(stream, kept, bytes, signal)
        : await answerSecurely(stream, {
            spec: terms.spec,
            signer: init.signer,
            isParticipant,
            kept,
            update: decodeUpdate(bytes, 'none', kept.elements),
            beforeUnmasking: () => unmasked.put(unmaskedKey(id, kept.vectors), true, { sync: true }),
            signal,
          })
    if (code !== '')
      log.warn({ federation: id, round: kept.round, code }, 'the server did not take the update')
  }

  async function forgetOld(): Promise<void> {
    for await (const [id, { usedAtMs, terms }] of joined.entries()) {
      const isOffered = terms.spec.data !== null && consent.data.has(terms.spec.data)
      if (isOffered && now() - usedAtMs < FORGOTTEN_MS) continue
      await joined.del(id)
      await rm(training.directoryOf(id), { recursive: true, force: true })
      await artifacts
        .unpin(terms.spec.model!, training.pinOf(id))
        .catch((error: unknown) => log.debug({ err: error, federation: id }, 'its model was not here'))
    }
  }

  mesh.handle(FEDERATE_PROTOCOL, async (stream, context) => {
    const { offer, task } = await stream.expect(ServerFrame, { signal: context.signal })
    if (offer !== undefined) await answerOffer(stream, offer, context)
    else if (task !== undefined)
      await work(
        stream,
        {
          federation: Buffer.from(task.federation).toString('hex'),
          round: task.round,
          counted: task.counted ?? null,
          elements: task.elements,
          layoutHash: Buffer.from(task.layout).toString('hex'),
          vectorsHash: Buffer.from(task.vectors).toString('hex'),
          hasControl: task.hasControl,
        },
        context,
      )
    else throw new VillageError('PROTOCOL_MALFORMED', 'A message is malformed: neither an offer nor a task')
  })

  return {
    name: 'federate-client',
    start: forgetOld,
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
    },
    async list() {
      const all: { id: string; name: string; server: string; usedAtMs: number }[] = []
      for await (const [id, { terms, usedAtMs }] of joined.entries())
        all.push({ id, name: terms.spec.name, server: terms.server, usedAtMs })
      return all
    },
  }
}
