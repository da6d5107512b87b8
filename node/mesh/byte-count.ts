/** Bytes that crossed the connections of this node since it started, the handshakes and the overhead of protocols included. */

export interface ByteCount {
  received(sizeBytes: number): void
  sent(sizeBytes: number): void
  totals(): { readonly receivedBytes: number; readonly sentBytes: number }
}

export function createByteCount(): ByteCount {
  let receivedBytes = 0
  let sentBytes = 0
  return {
    received(sizeBytes) {
      receivedBytes += sizeBytes
    },
    sent(sizeBytes) {
      sentBytes += sizeBytes
    },
    totals: () => ({ receivedBytes, sentBytes }),
  }
}
