/** What both sides of a secure sum derive from the terms of the federation and the number of clients: the same, or nothing adds up. */
import { VillageError } from '../../errors.ts'
import { checkFixedPoint, type FixedPoint, widestValueBits } from '../privacy/fixed-point.ts'
import { MAX_COMPLETE_CLIENTS } from '../privacy/secure-messages.ts'
import type { SecureSumParameters } from '../privacy/secure-sum.ts'
import { type FederateSpec, MIN_SECURE_CLIENTS, mostTokens } from './federate-spec.ts'

export const SESSION_BYTES = 32
/** The two sides of the table of stages in privacy/secure-sum.ts, and what opens a session. */
export const BEGIN_STAGE = 'begin'
/** Session and the number of clients, 32-bit little-endian. */
export const BEGIN_BYTES = SESSION_BYTES + 4

export interface SecureTerms {
  readonly parameters: SecureSumParameters
  readonly fixedPoint: FixedPoint
  /** 1 with privacy, where all count alike. */
  readonly weightOf: (tokens: number) => number
}

/** Above half of the clients always: else two sets of survivors could both be unmasked. Throws FEDERATION_REFUSED for fewer than the terms say. */
export function secureTerms(
  spec: FederateSpec,
  elements: number,
  begin: { session: Uint8Array; clients: number },
): SecureTerms {
  const { secure, privacy } = spec
  const { clients, session } = begin
  // A server that could name any number would ask one client to sum up with a helper of its own.
  const isEnough =
    clients >= Math.max(MIN_SECURE_CLIENTS, spec.clients.minimum) && clients <= MAX_COMPLETE_CLIENTS
  if (secure === null || session.length !== SESSION_BYTES || !isEnough)
    throw new VillageError('FEDERATION_REFUSED', 'A secure sum is not as the terms say')
  const { ringBits, range } = secure
  const threshold = Math.max(Math.ceil(secure.threshold * clients), Math.floor(clients / 2) + 1)
  const maxWeight = privacy === null ? mostTokens(spec) : 1
  const fixedPoint = { range, ringBits, valueBits: widestValueBits(ringBits, clients), maxWeight, clients }
  checkFixedPoint(fixedPoint)
  return {
    parameters: { session, coordinates: elements + 1, ringBits, threshold, neighbours: null },
    fixedPoint,
    weightOf: (tokens) => (privacy === null ? Math.max(1, tokens) : 1),
  }
}

export function encodeBegin({ session, clients }: { session: Uint8Array; clients: number }): Uint8Array {
  const bytes = Buffer.alloc(BEGIN_BYTES)
  bytes.set(session)
  bytes.writeUInt32LE(clients, SESSION_BYTES)
  return bytes
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeBegin(bytes: Uint8Array): { session: Uint8Array; clients: number } {
  if (bytes.length !== BEGIN_BYTES)
    throw new VillageError('PROTOCOL_MALFORMED', 'A message is malformed: it begins no session')
  const buffer = Buffer.from(bytes)
  return {
    session: new Uint8Array(buffer.subarray(0, SESSION_BYTES)),
    clients: buffer.readUInt32LE(SESSION_BYTES),
  }
}

/** Most bytes of a message of a stage, either way: some hundred for each client, but for the vector. */
export function maxStageBytes(clients: number): number {
  return 1_024 + 512 * clients
}
