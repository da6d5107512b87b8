/** The messages of secure aggregation (secure-sum.ts has the stages), with their bounds, and what is signed in them. */
import { createHash } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import { bytes, type Infer, list, message, nested, uint32 } from '../../mesh/protocols/message.ts'
import { KEY_BYTES, SEALED_BYTES } from './mask-keys.ts'
import { MAX_RING_BITS, MIN_RING_BITS } from './ring-codec.ts'
import type { SecureSumParameters } from './secure-sum.ts'
import { SHARE_BYTES } from './shamir.ts'

export const MAX_SECURE_CLIENTS = 10_000
/** Of a session where all share masks with all: the server carries a sealed share for every pair. */
export const MAX_COMPLETE_CLIENTS = 1_000
const MAX_SECURE_COORDINATES = 2 ** 28
const SIGNATURE_BYTES = 64
/** A seed share and a key share. */
export const SEALED_SHARE_BYTES = SEALED_BYTES(2 * SHARE_BYTES)

/** `keys`, from a client. The signature is over `keysToSign`. */
export const KeysMessage = message('Keys', {
  maskKey: [1, bytes(KEY_BYTES)],
  sealKey: [2, bytes(KEY_BYTES)],
  seedHash: [3, bytes(KEY_BYTES)],
  signature: [4, bytes(SIGNATURE_BYTES)],
})
export type KeysMessage = Infer<typeof KeysMessage>

const KeyEntry = message('KeyEntry', {
  position: [1, uint32()],
  identity: [2, bytes(KEY_BYTES)],
  keys: [3, nested(KeysMessage, 256)],
})

/** `keys`, to a client: the entries of its neighbours, by position; the roster is the hash over all of them in order. */
export const KeyListMessage = message('KeyList', {
  clients: [1, uint32()],
  position: [2, uint32()],
  roster: [3, bytes(KEY_BYTES)],
  entries: [4, list(nested(KeyEntry, 512), MAX_SECURE_CLIENTS)],
})

const SealedShare = message('SealedShare', {
  position: [1, uint32()],
  sealed: [2, bytes(SEALED_SHARE_BYTES)],
})

/** `shares`, both ways: to the holder at a position, and from the client at a position. */
export const SharesMessage = message('Shares', {
  shares: [1, list(nested(SealedShare, SEALED_SHARE_BYTES + 16), MAX_SECURE_CLIENTS)],
})

/** `inputs`, to a client: bit i is set when the masked vector of the client at position i came; least significant bit first. */
export const SurvivorsMessage = message('Survivors', { bitmap: [1, bytes(MAX_SECURE_CLIENTS / 8)] })

/** `survivors`, from a client: over `survivorsToSign`. */
export const SurvivorSignature = message('SurvivorSignature', { signature: [1, bytes(SIGNATURE_BYTES)] })

const PlacedSignature = message('PlacedSignature', {
  position: [1, uint32()],
  signature: [2, bytes(SIGNATURE_BYTES)],
})

/** `survivors`, to a client: those of the holders of its secrets. */
export const SignaturesMessage = message('Signatures', {
  signatures: [1, list(nested(PlacedSignature, 128), MAX_SECURE_CLIENTS)],
})

const Share = message('Share', { position: [1, uint32()], share: [2, bytes(SHARE_BYTES)] })

/** `unmasking`, from a client: of no client both. */
export const UnmaskingMessage = message('Unmasking', {
  seeds: [1, list(nested(Share, 64), MAX_SECURE_CLIENTS)],
  keys: [2, list(nested(Share, 64), MAX_SECURE_CLIENTS)],
})

export const KEYS_DOMAIN = 'aivillage/secure-sum/keys/v1'
export const SURVIVORS_DOMAIN = 'aivillage/secure-sum/survivors/v1'

/** Throws INVALID_ARGUMENT: the server's offer, or a configuration, is not one that any client takes. */
export function checkParameters(parameters: SecureSumParameters): void {
  const { session, coordinates, ringBits, threshold, neighbours } = parameters
  const isWhole = (value: number, low: number, high: number) =>
    Number.isInteger(value) && value >= low && value <= high
  const wrong =
    session.byteLength !== KEY_BYTES
      ? 'a session has 32 bytes'
      : !isWhole(coordinates, 1, MAX_SECURE_COORDINATES)
        ? `a vector has 1 to ${MAX_SECURE_COORDINATES} elements`
        : !isWhole(ringBits, MIN_RING_BITS, MAX_RING_BITS)
          ? `elements have ${MIN_RING_BITS} to ${MAX_RING_BITS} bits`
          : !isWhole(threshold, 2, MAX_SECURE_CLIENTS)
            ? 'the threshold is 2 at least: the sum of one vector is that vector'
            : neighbours !== null && (!isWhole(neighbours, 2, MAX_SECURE_CLIENTS) || neighbours % 2 !== 0)
              ? 'neighbours are an even number from 2 on'
              : neighbours !== null && threshold > neighbours + 1
                ? 'the threshold is more than all holders of a secret'
                : null
  if (wrong !== null) throw new VillageError('INVALID_ARGUMENT', `Secure aggregation: ${wrong}`)
}

/** Throws INVALID_ARGUMENT for more clients than a session of this kind can have. */
export function checkParticipants(clients: number, { neighbours }: SecureSumParameters): void {
  const most = neighbours === null ? MAX_COMPLETE_CLIENTS : MAX_SECURE_CLIENTS
  if (clients > most)
    throw new VillageError('INVALID_ARGUMENT', `Secure aggregation: at most ${most} clients, not ${clients}`)
}

/** The hash of all that both sides agreed on: it goes into every signature and every derived key. */
export function contextOf(parameters: SecureSumParameters): Uint8Array {
  const { session, coordinates, ringBits, threshold, neighbours } = parameters
  const numbers = Buffer.alloc(16)
  for (const [index, value] of [coordinates, ringBits, threshold, neighbours ?? 0].entries())
    numbers.writeUInt32LE(value, index * 4)
  return createHash('sha256').update('village secure sum context\0').update(session).update(numbers).digest()
}

export function keysToSign(context: Uint8Array, keys: Omit<KeysMessage, 'signature'>): Uint8Array {
  return Buffer.concat([context, keys.maskKey, keys.sealKey, keys.seedHash])
}

/** The hash over the identities and keys of all clients in the order of their positions. */
export function rosterHash(
  context: Uint8Array,
  entries: readonly { identity: Uint8Array; keys: KeysMessage }[],
): Uint8Array {
  const hash = createHash('sha256').update('village secure sum roster\0').update(context)
  for (const { identity, keys } of entries)
    hash.update(identity).update(keys.maskKey).update(keys.sealKey).update(keys.seedHash)
  return hash.digest()
}

export function survivorsToSign(context: Uint8Array, roster: Uint8Array, bitmap: Uint8Array): Uint8Array {
  return Buffer.concat([context, roster, bitmap])
}

export function bitmapOf(positions: Iterable<number>, clients: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(clients / 8))
  for (const position of positions) bitmap[position >> 3]! |= 1 << (position & 7)
  return bitmap
}

/** The positions whose bit is set, ascending; null when the bitmap is not one of so many clients. */
export function positionsOf(bitmap: Uint8Array, clients: number): number[] | null {
  if (bitmap.byteLength !== Math.ceil(clients / 8)) return null
  const positions: number[] = []
  for (let position = 0; position < bitmap.byteLength * 8; position++)
    if (((bitmap[position >> 3]! >> (position & 7)) & 1) === 1) positions.push(position)
  return (positions.at(-1) ?? -1) < clients ? positions : null
}

export function refuse(why: string): VillageError {
  return new VillageError('SECURE_SUM_REFUSED', `Secure aggregation: ${why}`)
}
