/**
 * The client's side of secure aggregation (secure-sum.ts): it believes the server nothing that a signature could show. In every session it shows
 * of each other client one share at most, of the seed or of the key and never both, and only once enough others have signed the same
 * set of survivors: with both, the server could take the masks off a single vector.
 */
import { randomBytes } from 'node:crypto'
import { isSigned, type Signer } from '../../mesh/membership/keys.ts'
import { maskGraph } from './mask-graph.ts'
import { applyMask, deriveKey, hashSeed, KEY_BYTES, seal, secretKey, unseal } from './mask-keys.ts'
import { packRing } from './ring-codec.ts'
import {
  checkParameters,
  contextOf,
  KEYS_DOMAIN,
  KeyListMessage,
  KeysMessage,
  keysToSign,
  MAX_COMPLETE_CLIENTS,
  MAX_SECURE_CLIENTS,
  positionsOf,
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
import type { ClientId, SecureClient, SecureSumParameters } from './secure-sum.ts'
import { type RandomBytes, SHARE_BYTES, splitSecret } from './shamir.ts'

export interface SecureClientInit {
  readonly parameters: SecureSumParameters
  /** The identity of this node. */
  readonly signer: Signer
  /** Whether an identity may take part: a member of the village. Without it the server could invent clients and know all masks but one. */
  isParticipant(id: ClientId): boolean
  /** Cryptographic; seeded only in tests. */
  readonly random?: RandomBytes
}

interface Neighbour {
  readonly position: number
  readonly identity: Uint8Array
  readonly maskKey: Uint8Array
  readonly sealKey: Uint8Array
}

interface Roster {
  readonly clients: number
  readonly position: number
  readonly hash: Uint8Array
  readonly neighbours: ReadonlyMap<number, Neighbour>
}

const METHODS = ['advertise', 'shareKeys', 'maskInput', 'signSurvivors', 'unmask', 'over'] as const

/** Throws INVALID_ARGUMENT for parameters that no client takes. */
export function secureClient(init: SecureClientInit): SecureClient {
  const { parameters, signer, random = randomBytes } = init
  checkParameters(parameters)
  const { threshold, ringBits } = parameters
  const context = contextOf(parameters)
  const mostClients = parameters.neighbours === null ? MAX_COMPLETE_CLIENTS : MAX_SECURE_CLIENTS
  const seed = random(KEY_BYTES)
  const maskKey = secretKey(random(KEY_BYTES))
  const sealKey = secretKey(random(KEY_BYTES))
  const own = {
    maskKey: maskKey.publicKey,
    sealKey: sealKey.publicKey,
    seedHash: hashSeed(context, seed),
  }
  let next = 0
  let roster: Roster | undefined
  /** What this client holds of others (by position) and of itself: sealed, but for its own. */
  const held = new Map<number, Uint8Array>()
  let survivors: ReadonlySet<number> = new Set()
  let bitmap: Uint8Array = new Uint8Array(0)

  /** A method that failed, or was called again or out of turn, ends the session: nothing is said twice. */
  function begin(method: (typeof METHODS)[number]): Roster | undefined {
    if (METHODS[next] !== method) {
      next = METHODS.length - 1
      throw refuse(`\`${method}\` is not due`)
    }
    next += 1
    return roster
  }

  function inTurn<A extends unknown[]>(
    method: (typeof METHODS)[number],
    act: (known: Roster, ...args: A) => Uint8Array,
  ): (...args: A) => Uint8Array {
    return (...args) => {
      const known = begin(method)
      try {
        // Every method in turn after shareKeys() has a roster.
        return act(known!, ...args)
      } catch (error) {
        next = METHODS.length - 1
        throw error
      }
    }
  }

  function readRoster(encoded: Uint8Array): Roster {
    const { clients, position, roster: hash, entries } = KeyListMessage.decode(encoded)
    if (clients > mostClients || position >= clients || hash.byteLength !== KEY_BYTES)
      throw refuse('the list of keys is not one')
    const neighbours = new Map<number, Neighbour>()
    const identities = new Set<ClientId>([Buffer.from(signer.publicKey).toString('hex')])
    for (const entry of entries) {
      const id = Buffer.from(entry.identity).toString('hex')
      const { keys } = entry
      if (entry.position >= clients || neighbours.has(entry.position) || identities.has(id))
        throw refuse('a client is in the list of keys twice')
      if (!init.isParticipant(id)) throw refuse('a client in the list of keys is no participant')
      if (
        keys === undefined ||
        !isSigned(entry.identity, KEYS_DOMAIN, keysToSign(context, keys), keys.signature)
      )
        throw refuse('a key is not signed by its client')
      identities.add(id)
      neighbours.set(entry.position, { ...keys, position: entry.position, identity: entry.identity })
    }
    checkNeighbours(clients, position, hash, neighbours)
    // With everybody in the list, the hash of all can be checked and is what the survivors are signed with.
    if (entries.length === clients - 1) checkHash(clients, position, hash, entries)
    return { clients, position, hash, neighbours }
  }

  function checkNeighbours(
    clients: number,
    position: number,
    hash: Uint8Array,
    neighbours: ReadonlyMap<number, Neighbour>,
  ): void {
    const expected = maskGraph(clients, parameters.neighbours, hash)(position)
    if (expected.length !== neighbours.size || !expected.every((other) => neighbours.has(other)))
      throw refuse('the list of keys is not that of the neighbours of this client')
    // Two sets of survivors could else both find enough signers.
    if (2 * threshold <= expected.length + 1) throw refuse('the threshold is not above half of the holders')
    if (threshold > expected.length + 1) throw refuse('too few clients for the threshold')
  }

  function checkHash(
    clients: number,
    position: number,
    hash: Uint8Array,
    entries: readonly { position: number; identity: Uint8Array; keys: KeysMessage | undefined }[],
  ): void {
    const byPosition = new Map(entries.map((entry) => [entry.position, entry]))
    const all = Array.from({ length: clients }, (_, at) => {
      if (at === position)
        return { identity: signer.publicKey, keys: { ...own, signature: new Uint8Array(0) } }
      const { identity, keys } = byPosition.get(at)!
      return { identity, keys: keys! }
    })
    if (Buffer.compare(rosterHash(context, all), hash) !== 0)
      throw refuse('the hash of the keys is not that of the list')
  }

  const sealShared = new Map<number, Uint8Array>()

  function sealKeyFor(neighbour: Neighbour, from: number, to: number): Uint8Array {
    const shared = sealShared.get(neighbour.position) ?? sealKey.agree(neighbour.sealKey)
    sealShared.set(neighbour.position, shared)
    return deriveKey(shared, context, `seal ${from} ${to}`)
  }

  function shareKeys(_: unknown, encoded: Uint8Array): Uint8Array {
    const known = readRoster(encoded)
    roster = known
    const holders = [known.position, ...known.neighbours.keys()]
    const points = holders.map((position) => position + 1)
    const seedShares = splitSecret(seed, threshold, points, random)
    const keyShares = splitSecret(maskKey.secret, threshold, points, random)
    const shares = holders.map((position, index) => ({
      position,
      text: Buffer.concat([seedShares[index]!, keyShares[index]!]),
    }))
    held.set(known.position, shares[0]!.text)
    return SharesMessage.encode({
      shares: shares.slice(1).map(({ position, text }) => ({
        position,
        sealed: seal(sealKeyFor(known.neighbours.get(position)!, known.position, position), text),
      })),
    })
  }

  function maskInput(known: Roster, encoded: Uint8Array, values: Uint32Array): Uint8Array {
    if (values.length !== parameters.coordinates) throw refuse('the vector has another length')
    for (const { position, sealed } of SharesMessage.decode(encoded).shares) {
      if (!known.neighbours.has(position) || held.has(position) || sealed.byteLength !== SEALED_SHARE_BYTES)
        throw refuse('a share is not from a neighbour')
      held.set(position, sealed)
    }
    if (held.size < threshold) throw refuse('too few clients shared their secrets')
    const masked = values.slice()
    applyMask(masked, deriveKey(seed, context, 'self mask'), 1)
    for (const position of held.keys()) {
      const neighbour = known.neighbours.get(position)
      if (neighbour === undefined) continue // this client itself
      const key = deriveKey(maskKey.agree(neighbour.maskKey), context, 'pair mask')
      applyMask(masked, key, known.position < position ? 1 : -1)
    }
    return packRing(masked, ringBits)
  }

  function signSurvivors(known: Roster, encoded: Uint8Array): Uint8Array {
    bitmap = SurvivorsMessage.decode(encoded).bitmap
    const positions = positionsOf(bitmap, known.clients)
    if (positions === null || !positions.includes(known.position))
      throw refuse('the survivors are not a set with this client')
    survivors = new Set(positions)
    if (positions.some((position) => known.neighbours.has(position) && !held.has(position)))
      throw refuse('a survivor never shared its secrets')
    if (positions.filter((position) => held.has(position)).length < threshold)
      throw refuse('too few clients survived')
    return SurvivorSignature.encode({
      signature: signer.sign(SURVIVORS_DOMAIN, survivorsToSign(context, known.hash, bitmap)),
    })
  }

  function unmask(known: Roster, encoded: Uint8Array): Uint8Array {
    const signed = new Set<number>([known.position])
    const text = survivorsToSign(context, known.hash, bitmap)
    for (const { position, signature } of SignaturesMessage.decode(encoded).signatures) {
      if (signed.size === threshold) break
      const neighbour = known.neighbours.get(position)
      if (neighbour === undefined || !survivors.has(position) || signed.has(position)) continue
      if (isSigned(neighbour.identity, SURVIVORS_DOMAIN, text, signature)) signed.add(position)
    }
    if (signed.size < threshold) throw refuse('too few clients signed the same survivors')
    const seeds: { position: number; share: Uint8Array }[] = []
    const keys: { position: number; share: Uint8Array }[] = []
    for (const [position, sealed] of held) {
      const neighbour = known.neighbours.get(position)
      const shares =
        neighbour === undefined ? sealed : unseal(sealKeyFor(neighbour, position, known.position), sealed)
      if (shares === null) continue // its client sealed something else: nothing of it can be shown
      if (survivors.has(position)) seeds.push({ position, share: shares.subarray(0, SHARE_BYTES) })
      else keys.push({ position, share: shares.subarray(SHARE_BYTES) })
    }
    return UnmaskingMessage.encode({ seeds, keys })
  }

  return {
    advertise: inTurn('advertise', () =>
      KeysMessage.encode({ ...own, signature: signer.sign(KEYS_DOMAIN, keysToSign(context, own)) }),
    ),
    shareKeys: inTurn('shareKeys', shareKeys),
    maskInput: inTurn('maskInput', maskInput),
    signSurvivors: inTurn('signSurvivors', signSurvivors),
    unmask: inTurn('unmask', unmask),
  }
}
