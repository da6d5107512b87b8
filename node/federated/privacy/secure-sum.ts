/**
 * Secure aggregation: a server learns the sum of the clients' vectors and of no smaller set, though clients drop out at any time
 * (Bonawitz et al. 2017, "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS, figure 4, with the signatures that
 * hold against a lying server; the sparse graph is that of Bell et al. 2020, "Secure Single-Server Aggregation with (Poly)Logarithmic
 * Overhead", CCS). Both sides are pure state machines over bytes (secure-client.ts, secure-server.ts): whoever uses them carries the
 * messages, sets deadlines and ends the stages.
 *
 * | Stage | Client sends | Server answers, to each |
 * |---|---|---|
 * | `keys` | two X25519 public keys, signed by its identity | the keys of all that it has to do with |
 * | `shares` | shares of its mask seed and of its mask key, sealed for each holder | the shares that it holds |
 * | `inputs` | its masked vector (packed ring elements, no frame around) | who sent one |
 * | `survivors` | its signature over exactly that set | all those signatures |
 * | `unmasking` | of each client one share: of the seed if its vector came, of the key if not | nothing: the sum is known |
 */

export const SECURE_STAGES = ['keys', 'shares', 'inputs', 'survivors', 'unmasking'] as const
export type SecureStage = (typeof SECURE_STAGES)[number]

/** What both sides have to agree on before the first message; the server offers it, a client checks it against its own limits. */
export interface SecureSumParameters {
  /** 32 bytes, another for every attempt: for instance the hash of federation, round, attempt and hyper-parameters. */
  readonly session: Uint8Array
  /** Ring elements of a vector. */
  readonly coordinates: number
  /** Elements are integers modulo 2^ringBits; 8 to 32. Each takes so many bits on the wire. */
  readonly ringBits: number
  /** How many of the holders of a secret together can rebuild it (t): fewer survivors among them and the round fails. */
  readonly threshold: number
  /** Clients that each shares masks with, even; null: with all others (the only choice that also stands a lying server). */
  readonly neighbours: number | null
}

/** Ed25519 public key of an identity, in hexadecimal: how clients are named here. */
export type ClientId = string

/** One client in one session. Methods in this order, each once; a second call or bytes that are not right throw SECURE_SUM_REFUSED. */
export interface SecureClient {
  advertise(): Uint8Array
  shareKeys(keys: Uint8Array): Uint8Array
  /** `values` are taken modulo 2^ringBits; the answer is as long as `maskedBytes(parameters)`. */
  maskInput(shares: Uint8Array, values: Uint32Array): Uint8Array
  signSurvivors(survivors: Uint8Array): Uint8Array
  unmask(signatures: Uint8Array): Uint8Array
}

export interface SecureSum {
  /** Modulo 2^ringBits. */
  readonly sum: Uint32Array
  /** Whose vectors are in it, sorted. */
  readonly survivors: readonly ClientId[]
  /** Who gave shares that do not fit to what the others gave. */
  readonly liars: readonly ClientId[]
}

export interface SecureServer {
  /** The stage whose messages are awaited; null when the sum is known. */
  readonly stage: SecureStage | null
  /** Clients whose message of this stage is awaited. */
  readonly awaited: readonly ClientId[]
  /**
   * Takes the message of a client in the current stage. Throws SECURE_SUM_REFUSED for what the stage does not allow: that client is then out, as if it
   * had said nothing. `from` was authenticated by the transport.
   */
  receive(from: ClientId, message: Uint8Array): void
  /**
   * Ends the stage: who said nothing has dropped out. Gives what goes to whom; none after `unmasking`. Throws SECURE_SUM_TOO_FEW when the sum can no
   * longer be rebuilt: the round has to begin anew, with new keys.
   */
  endStage(): ReadonlyMap<ClientId, Uint8Array>
  /** Null until the last stage has ended. */
  readonly result: SecureSum | null
}

/** Bytes of a masked vector: `coordinates` elements of `ringBits` bits each. */
export function maskedBytes({ coordinates, ringBits }: SecureSumParameters): number {
  return Math.ceil((coordinates * ringBits) / 8)
}
