/**
 * The server's side of secure aggregation (secure-sum.ts). It holds one sum, not the vectors: a masked vector is added as it comes. Whoever says
 * nothing until a stage ends has dropped out; whoever says something that the stage does not allow is out as well.
 */
import { isSigned } from '../../mesh/membership/keys.ts'
import { maskGraph } from './mask-graph.ts'
import { KEY_BYTES } from './mask-keys.ts'
import { unpackRing } from './ring-codec.ts'
import {
  bitmapOf,
  checkParameters,
  checkParticipants,
  contextOf,
  KEYS_DOMAIN,
  KeyListMessage,
  KeysMessage,
  keysToSign,
  refuse,
  rosterHash,
  SEALED_SHARE_BYTES,
  SharesMessage,
  SignaturesMessage,
  SURVIVORS_DOMAIN,
  SurvivorSignature,
  SurvivorsMessage,
  survivorsToSign,
  UnmaskingMessage,
} from './secure-messages.ts'
import {
  type ClientId,
  SECURE_STAGES,
  type SecureServer,
  type SecureStage,
  type SecureSum,
  type SecureSumParameters,
} from './secure-sum.ts'
import { SHARE_BYTES } from './shamir.ts'
import { tooFew, unmaskSum } from './unmask-sum.ts'

export interface SecureServerInit {
  readonly parameters: SecureSumParameters
  /** Whose keys are taken: those that were invited to the round. */
  readonly participants: readonly ClientId[]
}

/** A client from `shares` on, when positions are known. */
export interface PlacedClient {
  readonly id: ClientId
  readonly position: number
  readonly identity: Uint8Array
  readonly keys: KeysMessage
  /** Positions, ascending. */
  readonly neighbours: readonly number[]
  /** What it sealed, by the position of the holder. */
  readonly sealed: Map<number, Uint8Array>
  /** The shares of its seed, or of its key if its vector did not come, by the position of the holder. */
  readonly shares: Map<number, Uint8Array>
  signature: Uint8Array | null
}

/** Throws INVALID_ARGUMENT for parameters that no client takes. */
export function secureServer({ parameters, participants }: SecureServerInit): SecureServer {
  checkParameters(parameters)
  const { threshold, coordinates, ringBits } = parameters
  const context = contextOf(parameters)
  checkParticipants(participants.length, parameters)
  const keysOf = new Map<ClientId, KeysMessage>()
  let stageIndex = 0
  let awaited = new Set(participants)
  let roster: Uint8Array = new Uint8Array(0)
  let clients: PlacedClient[] = []
  let byId = new Map<ClientId, PlacedClient>()
  let survivors = new Set<number>()
  let bitmap: Uint8Array = new Uint8Array(0)
  /** Who has answered the stage: for all but the first. */
  let answered: PlacedClient[] = []
  const sum = new Uint32Array(coordinates)
  let result: SecureSum | null = null

  const takeKeys = (from: ClientId, encoded: Uint8Array): void => {
    const keys = KeysMessage.decode(encoded)
    const areWhole = [keys.maskKey, keys.sealKey, keys.seedHash].every(
      (part) => part.byteLength === KEY_BYTES,
    )
    if (
      !areWhole ||
      !isSigned(Buffer.from(from, 'hex'), KEYS_DOMAIN, keysToSign(context, keys), keys.signature)
    )
      throw refuse('the keys are not signed by their client')
    keysOf.set(from, keys)
  }

  function takeShares(client: PlacedClient, encoded: Uint8Array): void {
    const { shares } = SharesMessage.decode(encoded)
    const holders = new Set(shares.map(({ position }) => position))
    const areWhole = shares.every(({ sealed }) => sealed.byteLength === SEALED_SHARE_BYTES)
    const areAll = client.neighbours.every((position) => holders.has(position))
    if (!areWhole || !areAll || shares.length !== client.neighbours.length)
      throw refuse('there is not one share for each neighbour')
    for (const { position, sealed } of shares) client.sealed.set(position, sealed)
  }

  function takeInput(_client: PlacedClient, packed: Uint8Array): void {
    const masked = unpackRing(packed, ringBits, coordinates)
    for (let at = 0; at < coordinates; at++) sum[at]! += masked[at]!
  }

  function takeSignature(client: PlacedClient, encoded: Uint8Array): void {
    const { signature } = SurvivorSignature.decode(encoded)
    if (!isSigned(client.identity, SURVIVORS_DOMAIN, survivorsToSign(context, roster, bitmap), signature))
      throw refuse('the survivors are not signed')
    client.signature = signature
  }

  function takeUnmasking(client: PlacedClient, encoded: Uint8Array): void {
    const { seeds, keys } = UnmaskingMessage.decode(encoded)
    const holds = new Set([client.position, ...client.neighbours])
    const areAllowed = (list: readonly { position: number; share: Uint8Array }[], ofSurvivors: boolean) =>
      list.every(
        ({ position, share }) =>
          holds.delete(position) &&
          survivors.has(position) === ofSurvivors &&
          clients[position]!.sealed.size > 0 &&
          share.byteLength === SHARE_BYTES,
      )
    if (!areAllowed(seeds, true) || !areAllowed(keys, false))
      throw refuse('the shares are not those that are due')
    for (const { position, share } of [...seeds, ...keys])
      clients[position]!.shares.set(client.position, share)
  }

  const take = {
    shares: takeShares,
    inputs: takeInput,
    survivors: takeSignature,
    unmasking: takeUnmasking,
  } as const

  const messages = (to: Iterable<PlacedClient>, of: (client: PlacedClient) => Uint8Array) =>
    new Map([...to].map((client) => [client.id, of(client)]))

  function endKeys(): ReadonlyMap<ClientId, Uint8Array> {
    const ids = [...keysOf.keys()].sort()
    if (ids.length < threshold) throw tooFew(`${ids.length} sent keys, ${threshold} are needed`)
    const entries = ids.map((id) => ({ identity: Buffer.from(id, 'hex'), keys: keysOf.get(id)! }))
    roster = rosterHash(context, entries)
    const graph = maskGraph(ids.length, parameters.neighbours, roster)
    clients = entries.map((entry, position) => ({
      ...entry,
      id: ids[position]!,
      position,
      neighbours: graph(position),
      sealed: new Map(),
      shares: new Map(),
      signature: null,
    }))
    byId = new Map(clients.map((client) => [client.id, client]))
    answered = clients
    return messages(clients, ({ position, neighbours }) =>
      KeyListMessage.encode({
        clients: clients.length,
        position,
        roster,
        entries: neighbours.map((other) => ({ position: other, ...entries[other]! })),
      }),
    )
  }

  const endShares = (): ReadonlyMap<ClientId, Uint8Array> =>
    messages(answered, ({ position, neighbours }) =>
      SharesMessage.encode({
        shares: neighbours.flatMap((other) => {
          const sealed = clients[other]!.sealed.get(position)
          return sealed === undefined ? [] : [{ position: other, sealed }]
        }),
      }),
    )

  function endInputs(): ReadonlyMap<ClientId, Uint8Array> {
    survivors = new Set(answered.map(({ position }) => position).sort((a, b) => a - b))
    bitmap = bitmapOf(survivors, clients.length)
    return messages(answered, () => SurvivorsMessage.encode({ bitmap }))
  }

  const endSurvivors = (): ReadonlyMap<ClientId, Uint8Array> =>
    messages(answered, ({ neighbours }) =>
      SignaturesMessage.encode({
        signatures: neighbours.flatMap((position) => {
          const { signature } = clients[position]!
          return signature === null ? [] : [{ position, signature }]
        }),
      }),
    )

  function endUnmasking(): ReadonlyMap<ClientId, Uint8Array> {
    result = unmaskSum({ parameters, context, clients, survivors, sum })
    return new Map()
  }

  const end = {
    keys: endKeys,
    shares: endShares,
    inputs: endInputs,
    survivors: endSurvivors,
    unmasking: endUnmasking,
  } as const

  const stage = (): SecureStage | null => SECURE_STAGES[stageIndex] ?? null

  return {
    get stage() {
      return stage()
    },
    get awaited() {
      return [...awaited]
    },
    receive(from, message) {
      const now = stage()
      // Whatever it is, a client speaks once a stage; what is refused below leaves it out.
      if (now === null || !awaited.delete(from)) throw refuse('no message of this client is due')
      if (now === 'keys') return takeKeys(from, message)
      const client = byId.get(from)!
      take[now](client, message)
      answered.push(client)
    },
    endStage() {
      const now = stage()
      if (now === null) throw refuse('it is over')
      if (now !== 'keys' && answered.length < threshold)
        throw tooFew(`${answered.length} answered the stage \`${now}\`, ${threshold} are needed`)
      const sent = end[now]()
      stageIndex += 1
      answered = []
      awaited = new Set(sent.keys())
      return sent
    },
    get result() {
      return result
    },
  }
}
