/** The signed terms of a federation: what a client agrees to once, and what every later task is held to. */
import { createHash } from 'node:crypto'
import { VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { isSigned, publicKeyOf, type Signer } from '../../mesh/membership/keys.ts'
import { MAX_TERMS_BYTES, TERMS_DOMAIN } from '../../mesh/protocols/federate.ts'
import type { FederateSpec } from './federate-spec.ts'
import { readFederateSpec } from './read-federate-spec.ts'

export interface Terms extends JsonObject {
  readonly version: 1
  /** Peer ID of the server. */
  readonly server: string
  /** Village that it is in: terms mean nothing in another. */
  readonly village: string
  readonly createdAtMs: number
  /** Its `model` is the CID of the model. */
  readonly spec: FederateSpec
}

export interface SignedTerms {
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
}

const ID_BYTES = 16

/** 32 hex digits. */
export function federationId(terms: Uint8Array): string {
  return createHash('sha256').update(terms).digest().subarray(0, ID_BYTES).toString('hex')
}

/** Throws FEDERATION_CONFIG_INVALID for terms that are too long to be sent. */
export function signTerms(terms: Terms, signer: Signer): SignedTerms {
  const bytes = Buffer.from(canonicalJson(terms))
  if (bytes.length > MAX_TERMS_BYTES)
    throw new VillageError('FEDERATION_CONFIG_INVALID', 'The configuration is too long to be offered')
  return { bytes, signature: signer.sign(TERMS_DOMAIN, bytes) }
}

function refused(reason: string, cause?: unknown): VillageError {
  return new VillageError('FEDERATION_REFUSED', `An offer is not valid: ${reason}`, { cause })
}

/** The terms of an offer that `peer` made in `village`. Throws FEDERATION_REFUSED for anything else. */
export function readTerms(signed: SignedTerms, from: { peer: string; village: string }): Terms {
  if (!isSigned(publicKeyOf(from.peer), TERMS_DOMAIN, signed.bytes, signed.signature))
    throw refused('its signature is not that of the peer')
  let json: JsonValue
  try {
    json = JSON.parse(Buffer.from(signed.bytes).toString('utf8')) as JsonValue
  } catch (error) {
    throw refused('it is not JSON', error)
  }
  if (!isJsonObject(json) || json.version !== 1) throw refused('it is of another version')
  const { server, village, createdAtMs } = json
  if (server !== from.peer || village !== from.village)
    throw refused('it was made for another village or by another')
  if (!Number.isSafeInteger(createdAtMs)) throw refused('it has no time')
  // What is signed says how much noise; to find it for an ε takes a second, which no stranger may have.
  if (
    isJsonObject(json.spec) &&
    isJsonObject(json.spec.privacy) &&
    Object.hasOwn(json.spec.privacy, 'epsilon')
  )
    throw refused('it names no noise')
  let spec: FederateSpec
  try {
    spec = readFederateSpec(json.spec)
  } catch (error) {
    throw refused('its specification', error)
  }
  const terms: Terms = { version: 1, server, village, createdAtMs: createdAtMs as number, spec }
  // Nothing that was signed may be something else than what was understood.
  if (canonicalJson(terms) !== Buffer.from(signed.bytes).toString('utf8'))
    throw refused('it has unknown parts')
  return terms
}
