/** Who may open a stream of a protocol: `anyone` that completed the transport handshake, guests and up, members and up. */
export type ProtocolAccess = 'anyone' | 'guest' | 'member'

/** What a protocol file states besides its messages. One row a protocol; docs/protocols/ is checked against it. */
export interface ProtocolSpec {
  /** `/village/<name>/<major.minor.patch>`. A breaking change is a new ID, served beside the old. */
  readonly id: string
  readonly access: ProtocolAccess
  /** A frame is a varint length and that many bytes; a longer one ends the stream with PROTOCOL_FRAME_TOO_LARGE. */
  readonly maxFrameBytes: number
  /** The longest wait for the next frame while one is due, and for the peer to take what was sent. */
  readonly frameTimeoutMs: number
  /** Streams of this protocol that one peer may have open at once. */
  readonly maxStreamsByPeer: number
  /** Streams of this protocol that one peer may open in a minute. */
  readonly streamsByMinute: number
}
