/**
 * This node as a client of federations: it answers offers and tasks of members that its owner allows, trains on the owner's
 * texts, and sends updates. Texts, residuals and control variates never leave the directory of the federation.
 */
import { createHash, randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
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
  shownOf,
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
import { createForgetting } from './joined-federations.ts'
import { answerSecurely } from './secure-answer.ts'
import { STRATEGY_TABLE } from './strategies.ts'
import { federationId, readTerms } from './terms.ts'
import { createUnmaskedRounds } from './unmasked-rounds.ts'
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

const SEEDS = 2 ** 32
const FORGET_EVERY_MS = 86_400_000
/** Vectors that come in may take this share of the memory that is lent. */
const VECTORS_SHARE = 0.25

/** Make it before the mesh starts. */
export function createFederateClient(components: Components, init: Init): FederateClient {
  const { mesh, artifacts, resources } = components
  const log = components.log.child({ service: 'federate-client' })
  const { consent, now = Date.now } = init
  const joined: JsonTable<Joined> = components.store.json('federate-joined')
  const unmasked = createUnmaskedRounds(components.store)
  /** One training at a time: it takes all threads that are lent. */
  let busy = false
  let forgetTimer: NodeJS.Timeout | undefined
  const stopping = new AbortController()
  const training = createClientTraining({ ...components, log, joined }, init)
  const forgetting = createForgetting({ artifacts, joined, log }, { ...training, consent, now })

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
      await forgetting.makeRoom(id, peer)
      const before = await joined.get(id)
      const { kept = null, dataSeed = randomInt(SEEDS) } = before ?? {}
      await joined.put(id, { id, terms, usedAtMs: now(), kept, dataSeed }, { sync: true })
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
  async function mayWork(task: TaskFrame, peer: string): Promise<Joined & { secureRounds: number }> {
    const found = await joined.get(task.federation)
    if (found === undefined || found.terms.server !== peer) throw new VillageError('FEDERATION_ROUND_STALE')
    if (task.round >= found.terms.spec.rounds) throw new VillageError('FEDERATION_ROUND_STALE')
    const secureRounds = await unmasked.check(found.id, task.round)
    const hasControl = STRATEGY_TABLE[found.terms.spec.strategy].rule === 'control'
    if (task.hasControl !== hasControl) throw new VillageError('PROTOCOL_MALFORMED')
    offeredFiles(consent, { server: peer, data: found.terms.spec.data })
    if (found.terms.village !== mesh.village()?.id) throw new VillageError('FEDERATION_REFUSED')
    return { ...found, secureRounds }
  }

  async function mayTrain(task: TaskFrame): Promise<void> {
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
    let isMine = false
    const release = () => {
      if (isMine) busy = false
      isMine = false
    }
    try {
      let found: Joined & { secureRounds: number }
      let before: StoredUpdate | null
      try {
        found = await mayWork(task, peer)
        before = keptFor(found, task)
        if (before === null) {
          if (busy || !resources.accepts(false)) throw new VillageError('WORK_PAUSED')
          // At once, before anything is waited for: of two tasks at the same moment one is worked on.
          busy = true
          isMine = true
          await mayTrain(task)
        }
      } catch (error) {
        await answer(toVillageError(error).code, false)
        return
      }
      await answer('', before === null)
      const { secureRounds, ...member } = found
      if (before === null) {
        const vectors = await receiveVectors(stream, task, signal)
        before = await withBeats(stream, { connection: signal, stopping: stopping.signal }, (work) =>
          training.train(member, task, vectors, { peer, secureRounds, ...work }),
        )
      }
      // A server that takes its time with what follows holds up no other.
      release()
      await deliver(stream, member, before, signal)
    } finally {
      release()
    }
  }

  async function deliver(
    stream: FramedStream,
    { id, terms }: Joined,
    kept: StoredUpdate,
    signal: AbortSignal,
  ): Promise<void> {
    const bytes = await readFile(path.join(training.directoryOf(id), UPDATE_FILE))
    // Another round may have been trained meanwhile: its update must not be taken for that of this one.
    if (createHash('sha256').update(bytes).digest('hex') !== kept.hash)
      throw new VillageError('FEDERATION_ROUND_STALE')
    const code =
      terms.spec.secure === null
        ? await sendUpdate(stream, shownOf(terms.spec, kept), bytes, signal)
        : await answerSecurely(stream, {
            spec: terms.spec,
            signer: init.signer,
            isParticipant,
            kept,
            update: decodeUpdate(bytes, 'none', kept.elements),
            beforeUnmasking: () => unmasked.claim(id, kept.round),
            signal,
          })
    if (code !== '')
      log.warn({ federation: id, round: kept.round, code }, 'the server did not take the update')
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
    async start() {
      await forgetting.forgetOld()
      forgetTimer = setInterval(() => {
        forgetting
          .forgetOld()
          .catch((error: unknown) => log.warn({ err: error }, 'old federations could not be forgotten'))
      }, FORGET_EVERY_MS)
    },
    async stop() {
      clearInterval(forgetTimer)
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
