/**
 * Models that members of the village share: each tells by gossip of those that its owner chose, and hears of the others'. The
 * models themselves are artifacts, fetched by their CIDs from whoever holds them.
 */
import { VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import {
  MAX_SHARES,
  MAX_SHARES_BYTES,
  SHARES_EVERY_MS,
  SHARES_TOPIC,
  SHARES_TTL_MS,
  SharesAnnouncement,
} from '../../mesh/protocols/model-shares.ts'
import { CLOCK_SKEW_MS } from '../../mesh/protocols/records.ts'
import { nearest } from '../../nearest.ts'
import type { ModelEntry } from './model-entry.ts'
import type { Models } from './registry.ts'

export interface SharedModel {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly cid: string
  readonly parameters: number
  readonly sizeBytes: number
}

/** A model that others share, and who they are. */
export interface VillageModel extends SharedModel {
  readonly peers: readonly string[]
}

export interface ModelShares extends Service {
  /** One entry for each CID, by name. */
  list(): VillageModel[]
  /** By CID or id. Throws SHARE_UNKNOWN, and INVALID_ARGUMENT where an id is that of different models. */
  find(idOrCid: string): VillageModel
  /** Whether this node tells of the artifact, so that guests of an open village may read it too. */
  isShared(cid: string): boolean
}

interface Components {
  readonly mesh: Pick<Mesh, 'subscribe' | 'publish' | 'onPeerChange' | 'roleOf'>
  readonly models: Pick<Models, 'list'>
  readonly events: Pick<Events, 'subscribe' | 'emit'>
  readonly log: Log
}

interface Init {
  readonly now?: () => number
  /** Changes that come together are told together. */
  readonly soonMs?: number
}

const KINDS = new Set(['language', 'encoder', 'adapter', 'onnx', 'safetensors', 'packed'])
const CID_TEXT = /^[a-z2-7]{10,96}$/
/** Text that a terminal or a page could take for something else. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u
const MAX_SHARERS = 2_000
const SOON_MS = 1_000

interface Heard {
  readonly models: readonly SharedModel[]
  readonly timeMs: number
  readonly heardAtMs: number
}

/** Throws PROTOCOL_MALFORMED; null for values outside their range. */
export function decodeShares(bytes: Uint8Array): { timeMs: number; models: SharedModel[] } | null {
  const { timeMs, models } = SharesAnnouncement.decode(bytes)
  const isValid = models.every(
    ({ id, name, kind, cid }) =>
      id.length > 0 && ![id, name].some((text) => UNSAFE.test(text)) && KINDS.has(kind) && CID_TEXT.test(cid),
  )
  return isValid ? { timeMs, models } : null
}

const shareOf = ({ id, name, kind, cid, parameters, sizeBytes }: ModelEntry): SharedModel => ({
  id,
  name: cut(name.replace(new RegExp(UNSAFE, 'gu'), ' ')),
  kind,
  cid,
  parameters,
  sizeBytes,
})

/** At most 256 bytes of UTF-8. */
function cut(text: string): string {
  let kept = text.slice(0, 256)
  while (Buffer.byteLength(kept) > 256) kept = [...kept].slice(0, -1).join('')
  return kept
}

/** Make it before the mesh starts. */
export function createModelShares(components: Components, init: Init = {}): ModelShares {
  const { mesh, models, events, log } = components
  const { now = Date.now, soonMs = SOON_MS } = init
  const board = new Map<string, Heard>()
  let own: readonly SharedModel[] = []
  /** Whether the last announcement named any: a node that shares nothing says nothing. */
  let told = false
  let every: NodeJS.Timeout | undefined
  let soon: NodeJS.Timeout | undefined
  let ends: (() => void)[] = []
  let announcing: Promise<void> = Promise.resolve()

  async function refresh(): Promise<void> {
    own = (await models.list())
      .filter(({ shared }) => shared)
      .slice(-MAX_SHARES)
      .map(shareOf)
  }

  async function announce(): Promise<void> {
    await refresh()
    if (own.length === 0 && !told) return
    const bytes = SharesAnnouncement.encode({ timeMs: now(), models: [...own] })
    const sent = await mesh.publish(SHARES_TOPIC, bytes)
    // Those who were not reached by the last word must still hear that it has ended.
    if (sent > 0) told = own.length > 0
  }

  function announceSoon(): void {
    if (every === undefined) return
    soon ??= setTimeout(() => {
      soon = undefined
      announcing = announcing.then(announce).catch((error: unknown) => {
        log.debug({ err: error }, 'shared models could not be announced')
      })
    }, soonMs).unref()
  }

  function forgetOld(): void {
    for (const [peer, { heardAtMs }] of board)
      if (now() - heardAtMs > SHARES_TTL_MS || mesh.roleOf(peer) === null) board.delete(peer)
  }

  mesh.subscribe(SHARES_TOPIC, {
    maxBytes: MAX_SHARES_BYTES,
    validate(bytes, from) {
      const heard = decodeShares(bytes)
      if (heard === null) return 'reject'
      // Anyone may come as a guest: nobody is offered what they call a model.
      if (mesh.roleOf(from) === 'guest' || Math.abs(heard.timeMs - now()) > CLOCK_SKEW_MS) return 'ignore'
      return heard.timeMs > (board.get(from)?.timeMs ?? 0) ? 'accept' : 'ignore'
    },
    handle(bytes, from) {
      const heard = decodeShares(bytes)
      if (heard === null || (board.size >= MAX_SHARERS && !board.has(from))) return
      board.set(from, { ...heard, heardAtMs: now() })
      events.emit('shares:changed', { peer: from })
    },
  })

  function list(): VillageModel[] {
    forgetOld()
    const byCid = new Map<string, VillageModel>()
    for (const [peer, { models: shared }] of board)
      for (const model of shared) {
        const known = byCid.get(model.cid)
        if (known === undefined) byCid.set(model.cid, { ...model, peers: [peer] })
        else if (!known.peers.includes(peer))
          byCid.set(model.cid, { ...known, peers: [...known.peers, peer] })
      }
    return [...byCid.values()].sort((a, b) =>
      a.id === b.id ? (a.cid < b.cid ? -1 : 1) : a.id < b.id ? -1 : 1,
    )
  }

  return {
    name: 'model-shares',
    list,
    find(idOrCid) {
      const all = list()
      const found = all.filter(({ id, cid }) => cid === idOrCid || id === idOrCid)
      if (found.length === 1) return found[0]!
      if (found.length > 1)
        throw new VillageError(
          'INVALID_ARGUMENT',
          `Members share different models as "${idOrCid}"; choose by CID: ${found.map(({ cid }) => cid).join(', ')}`,
          { fields: { argument: 'source' } },
        )
      const meant = nearest(
        idOrCid,
        all.map(({ id }) => id),
      )
      throw new VillageError(
        'SHARE_UNKNOWN',
        `No member shares a model "${idOrCid}"${meant === null ? '' : `; did you mean "${meant}"?`}`,
        { fields: { model: idOrCid, suggestion: meant } },
      )
    },
    isShared: (cid) => own.some((model) => model.cid === cid),
    async start() {
      await refresh()
      ends = [
        events.subscribe(({ type }) => {
          if (['model:shared', 'model:removed', 'village:changed'].includes(type)) announceSoon()
        }),
        mesh.onPeerChange(({ connected }) => {
          if (connected && own.length > 0) announceSoon()
        }),
      ]
      every = setInterval(announceSoon, SHARES_EVERY_MS)
      every.unref()
      announceSoon()
    },
    async stop() {
      for (const end of ends) end()
      clearInterval(every)
      every = undefined
      clearTimeout(soon)
      soon = undefined
      await announcing
      board.clear()
    },
  }
}
