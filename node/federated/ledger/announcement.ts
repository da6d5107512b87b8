/**
 * The announcement of a run: what it is (RunSpec), by whom and in which village, signed. It is height 0 of the ledger: its hash is the parent of
 * block 1, and the first half of it the id of the run.
 */

import { canonicalJson, type JsonObject } from '../../json.ts'
import {
  isSigned,
  PUBLIC_KEY_BYTES,
  peerOf,
  SIGNATURE_BYTES,
  type Signer,
} from '../../mesh/membership/keys.ts'
import type { RunSpec } from '../rounds/run-spec.ts'
import { MAX_SPEC_BYTES, parseRunSpec } from '../rounds/spec-check.ts'
import { MAX_TIME_MS, RUN_ID_BYTES } from './block.ts'
import {
  type CborValue,
  decodeCanonical,
  encodeCanonical,
  malformed,
  readBytes,
  readInteger,
  readJson,
  readText,
  readTuple,
  sha256,
  unsigned,
} from './codec.ts'

const ANNOUNCEMENT_DOMAIN = 'aivillage/rounds/announcement/v1'
export const MAX_ANNOUNCEMENT_BYTES = MAX_SPEC_BYTES + 512
const VERSION = 1

export interface Announcement {
  /** Hex id of the run: the first 16 bytes of `hash`. */
  readonly run: string
  /** Hex SHA-256 of `bytes`. */
  readonly hash: string
  readonly bytes: Uint8Array
  /** Peer ID. */
  readonly announcer: string
  /** Id of the village: a run means nothing in another. Empty outside a village. */
  readonly village: string
  /** Clock of the announcer; no block is earlier. */
  readonly timeMs: number
  readonly spec: RunSpec
}

/** The id of the run that a signed announcement begins. */
export const runIdOf = (announcement: Uint8Array): string => sha256(announcement).slice(0, RUN_ID_BYTES * 2)

const fieldsOf = (key: Uint8Array, village: string, timeMs: number, spec: string): CborValue[] => [
  VERSION,
  key,
  village,
  timeMs,
  spec,
]

/** Throws INVALID_ARGUMENT for a spec that is not valid. Its defaults are filled in: the announcement has every field. */
export function signAnnouncement(
  signer: Signer,
  init: { readonly village: string; readonly timeMs: number; readonly spec: RunSpec },
): Announcement {
  const spec = canonicalJson(parseRunSpec(init.spec))
  const fields = fieldsOf(signer.publicKey, init.village, init.timeMs, spec)
  const signature = signer.sign(ANNOUNCEMENT_DOMAIN, encodeCanonical(fields))
  return checkAnnouncement(encodeCanonical([...fields, signature]))
}

/** Reads an announcement from a peer or a disk. Throws LEDGER_MALFORMED or LEDGER_UNSIGNED. */
export function checkAnnouncement(bytes: Uint8Array): Announcement {
  const [version, key, village, timeMs, spec, signature] = readTuple(
    decodeCanonical(bytes, MAX_ANNOUNCEMENT_BYTES, 'an announcement'),
    6,
    'an announcement',
  )
  readInteger(version, VERSION, VERSION, 'the version of an announcement')
  const announcer = readBytes(key, PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES, 'the announcer of a run')
  const said = {
    village: readText(village, /^[\w-]{0,64}$/, 'the village of a run'),
    timeMs: readInteger(timeMs, 0, MAX_TIME_MS, 'the time of an announcement'),
    spec: readJson(spec, MAX_SPEC_BYTES, 'the spec of a run'),
  }
  const signed = encodeCanonical(fieldsOf(announcer, said.village, said.timeMs, canonicalJson(said.spec)))
  const signatureBytes = readBytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, 'a signature')
  if (!isSigned(announcer, ANNOUNCEMENT_DOMAIN, signed, signatureBytes))
    throw unsigned('an announcement is not signed by its announcer')
  const hash = sha256(bytes)
  return {
    ...said,
    spec: checkSpec(said.spec),
    run: runIdOf(bytes),
    hash,
    bytes: Uint8Array.from(bytes),
    announcer: peerOf(announcer),
  }
}

/** Every field is there: a default that a later version changes would make a run mean two things. */
function checkSpec(stated: JsonObject): RunSpec {
  let spec: RunSpec
  try {
    spec = parseRunSpec(stated)
  } catch (error) {
    throw malformed('the spec of a run is not valid', error)
  }
  if (canonicalJson(spec) !== canonicalJson(stated)) throw malformed('the spec of a run leaves fields out')
  return spec
}
