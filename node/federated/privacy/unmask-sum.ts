/** The last step of secure aggregation: secrets out of shares, and the masks off the sum. */
import { VillageError } from '../../errors.ts'
import { applyMask, deriveKey, hashSeed, secretKey } from './mask-keys.ts'
import { ringMask } from './ring-codec.ts'
import type { KeysMessage } from './secure-messages.ts'
import type { ClientId, SecureSum, SecureSumParameters } from './secure-sum.ts'
import { fitsShares, joinShares, lagrangeFactors } from './shamir.ts'

export interface UnmaskInit {
  readonly parameters: SecureSumParameters
  readonly context: Uint8Array
  /** All that sent keys, by position. */
  readonly clients: readonly SharedSecrets[]
  /** Positions whose vectors are in the sum. */
  readonly survivors: ReadonlySet<number>
  /** Of the masked vectors; the masks are taken off in place. */
  readonly sum: Uint32Array
}

export interface SharedSecrets {
  readonly id: ClientId
  readonly position: number
  readonly keys: KeysMessage
  readonly neighbours: readonly number[]
  /** Sealed shares: empty when this client never shared its secrets, and then nobody masked with it. */
  readonly sealed: ReadonlyMap<number, Uint8Array>
  /** Of its seed if it survived, else of its key, by the position of the holder. */
  readonly shares: ReadonlyMap<number, Uint8Array>
}

export function tooFew(why: string): VillageError {
  return new VillageError('SECURE_SUM_TOO_FEW', `Secure aggregation: ${why}`)
}

/** Throws SECURE_SUM_TOO_FEW when a secret that is needed cannot be rebuilt. */
export function unmaskSum({ parameters, context, clients, survivors, sum }: UnmaskInit): SecureSum {
  const { threshold, ringBits } = parameters
  const liars = new Set<number>()
  const factorsOf = rememberFactors()
  const rebuild = (client: SharedSecrets, isRight: (secret: Uint8Array) => boolean): Uint8Array => {
    const rebuilt = rebuildSecret(client.shares, threshold, factorsOf, isRight)
    if (rebuilt === null) throw tooFew(`a secret of client ${client.id} cannot be rebuilt`)
    for (const position of rebuilt.liars) liars.add(position)
    return rebuilt.secret
  }
  for (const client of clients) {
    if (survivors.has(client.position)) {
      const seed = rebuild(client, (secret) => isEqual(hashSeed(context, secret), client.keys.seedHash))
      applyMask(sum, deriveKey(seed, context, 'self mask'), -1)
    } else if (client.sealed.size > 0) {
      const surviving = client.neighbours.filter((position) => survivors.has(position))
      if (surviving.length === 0) continue
      const { agree } = secretKey(
        rebuild(client, (found) => isEqual(secretKey(found).publicKey, client.keys.maskKey)),
      )
      for (const position of surviving) {
        const key = deriveKey(agree(clients[position]!.keys.maskKey), context, 'pair mask')
        // The survivor's mask goes: it added it if it comes first.
        applyMask(sum, key, position < client.position ? -1 : 1)
      }
    }
  }
  const mask = ringMask(ringBits)
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at]! & mask) >>> 0
  const named = (positions: Iterable<number>): ClientId[] =>
    [...positions].sort((a, b) => a - b).map((position) => clients[position]!.id)
  return { sum, survivors: named(survivors), liars: named(liars) }
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Most secrets are rebuilt from the shares of the same holders: the factors cost t², a secret only t. */
function rememberFactors(): (holders: readonly number[]) => Int32Array {
  const known = new Map<string, Int32Array>()
  return (holders) => {
    const name = holders.join()
    const factors = known.get(name) ?? lagrangeFactors(holders, 0)
    known.set(name, factors)
    return factors
  }
}

/**
 * The secret from any `threshold` of the shares that give the right one: the first of the holders, then each later run of them (wrapping around), so that
 * it is found whenever the liars leave a run free. `liars` are the holders whose shares do not fit; they are looked for only after a miss.
 */
export function rebuildSecret(
  shares: ReadonlyMap<number, Uint8Array>,
  threshold: number,
  factorsOf: (holders: readonly number[]) => Int32Array,
  isRight: (secret: Uint8Array) => boolean,
): { secret: Uint8Array; liars: number[] } | null {
  const positions = [...shares.keys()].sort((a, b) => a - b)
  const runs = positions.length === threshold ? 1 : positions.length
  if (positions.length < threshold) return null
  for (let first = 0; first < runs; first++) {
    const chosen = Array.from({ length: threshold }, (_, i) => positions[(first + i) % positions.length]!)
    const right = chosen.map((position) => shares.get(position)!)
    const points = chosen.map((position) => position + 1)
    const secret = readSecret(right, factorsOf(points))
    if (secret === null || !isRight(secret)) continue
    const doubted = first === 0 ? [] : positions.filter((position) => !chosen.includes(position))
    return {
      secret,
      liars: doubted.filter((position) => !fits(right, points, shares.get(position)!, position + 1)),
    }
  }
  return null
}

/** Null for shares that are malformed, which are as good as wrong ones. */
function readSecret(shares: readonly Uint8Array[], factors: Int32Array): Uint8Array | null {
  try {
    return joinShares(shares, factors)
  } catch {
    return null
  }
}

function fits(
  right: readonly Uint8Array[],
  points: readonly number[],
  share: Uint8Array,
  at: number,
): boolean {
  try {
    return fitsShares(right, points, share, at)
  } catch {
    return false
  }
}
