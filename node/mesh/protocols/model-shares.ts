/** Gossip on the topic `models`: which models a member shares (docs/protocols/model-shares.md). */
import { type Infer, list, message, nested, string, uint64 } from './message.ts'

export const SHARES_TOPIC = 'models'
export const MAX_SHARES_BYTES = 48 * 1024
export const MAX_SHARES = 64
export const SHARES_EVERY_MS = 5 * 60_000
/** What was announced is forgotten after this long without another announcement. */
export const SHARES_TTL_MS = 15 * 60_000

export const SharedModelMessage = message('SharedModel', {
  /** What it is called on the sender's node. */
  id: [1, string(64)],
  /** One line for people. */
  name: [2, string(256)],
  /** `language`, `encoder`, `adapter`, `onnx`, `safetensors` or `packed`. */
  kind: [3, string(16)],
  /** Of the model directory. */
  cid: [4, string(96)],
  parameters: [5, uint64()],
  sizeBytes: [6, uint64()],
})

export const SharesAnnouncement = message('SharesAnnouncement', {
  /** Milliseconds of the sender's clock; an older announcement never replaces a newer one. */
  timeMs: [1, uint64()],
  /** All that the sender shares; none ends it. */
  models: [2, list(nested(SharedModelMessage, 640), MAX_SHARES)],
})
export type SharesAnnouncement = Infer<typeof SharesAnnouncement>
