/**
 * The pre-shared key of a private village: everything on a connection, the handshake included, is XORed with a key
 * stream that only members can make. It hides what runs here and keeps strangers from saying anything that is
 * understood; that bytes are whole and from whom they came is the matter of Noise, inside it.
 *
 * Each side sends a random salt of 32 bytes, then, in answer to the other's, a proof of 16 bytes that it has the key:
 * HMAC-SHA256(key, "village/psk/1" || own salt || other salt), cut. Without it a wrong key would show only as noise
 * that both sides wait on. From then on the key stream of a sender is ChaCha20 (RFC 8439) under
 * HKDF-SHA256(key, salt of the sender, "village/psk/1"): 32 bytes of key, 16 bytes of counter and nonce.
 * `@libp2p/pnet` has the same shape, but the XSalsa20 module under it grows its one WebAssembly memory at every turn
 * between two connections until the process dies (docs/decisions/0001-pre-shared-key.md).
 */
import { createCipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AbortOptions, ConnectionProtector, MessageStream, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, byteStream } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { VillageError } from '../../errors.ts'
import type { ByteCount } from '../byte-count.ts'

export const PSK_BYTES = 32
export const PSK_SALT_BYTES = 32
export const PSK_PROOF_BYTES = 16
const INFO = 'village/psk/1'
const EXCHANGE_TIMEOUT_MS = 10_000
/** What a stranger may make this node hold; a member sends the beginning of its handshake at most. */
const MAX_BUFFERED_BYTES = 64 * 1024
const KEY_BYTES = 32
const COUNTER_BYTES = 16

export type KeyStream = (bytes: Uint8Array) => Uint8Array

/** XORs successive bytes with the key stream of `salt`; the same call encrypts and decrypts. */
export function createKeyStream(psk: Uint8Array, salt: Uint8Array): KeyStream {
  const material = Buffer.from(hkdfSync('sha256', psk, salt, INFO, KEY_BYTES + COUNTER_BYTES))
  const cipher = createCipheriv('chacha20', material.subarray(0, KEY_BYTES), material.subarray(KEY_BYTES))
  return (bytes) => cipher.update(bytes)
}

/** What the side that sent `own` proves that it has the key with. */
export function keyProof(psk: Uint8Array, own: Uint8Array, other: Uint8Array): Uint8Array {
  return createHmac('sha256', psk)
    .update(INFO)
    .update(own)
    .update(other)
    .digest()
    .subarray(0, PSK_PROOF_BYTES)
}

interface Keys {
  readonly encrypt: KeyStream
  readonly decrypt: KeyStream
}

/** Of an open village: there is no secret that its members share. */
const NO_KEYS: Keys = { encrypt: (bytes) => bytes, decrypt: (bytes) => bytes }

class ProtectedConnection extends AbstractMultiaddrConnection {
  readonly #inner: MultiaddrConnection
  readonly #encrypt: KeyStream
  readonly #byteCount: Pick<ByteCount, 'sent'> | null

  constructor(
    inner: MultiaddrConnection,
    keys: Keys,
    byteCount: Pick<ByteCount, 'received' | 'sent'> | null,
  ) {
    super({
      log: inner.log,
      remoteAddr: inner.remoteAddr,
      direction: inner.direction,
      inactivityTimeout: inner.inactivityTimeout,
      maxReadBufferLength: inner.maxReadBufferLength,
    })
    this.#inner = inner
    this.#encrypt = keys.encrypt
    this.#byteCount = byteCount
    inner.addEventListener('message', ({ data }) => {
      byteCount?.received(data.byteLength)
      this.onData(keys.decrypt(data.subarray()))
    })
    inner.addEventListener('drain', () => this.safeDispatchEvent('drain'))
    inner.addEventListener('close', (event) => {
      if (event.error === undefined) this.onTransportClosed()
      else if (event.local === true) this.abort(event.error)
      else this.onRemoteReset()
    })
  }

  override sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = data.byteLength
    this.#byteCount?.sent(sentBytes)
    return { sentBytes, canSendMore: this.#inner.send(this.#encrypt(data.subarray())) }
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    await this.#inner.close(options)
  }

  override sendReset(error: Error): void {
    this.#inner.abort(error)
  }

  override sendPause(): void {
    this.#inner.pause()
  }

  override sendResume(): void {
    this.#inner.resume()
  }
}

/**
 * `onReached` hears of every connection before its first byte, `onProven` when the other side has shown that it has the key;
 * without a key (open village) the bytes are only counted.
 */
export function createProtector(
  psk: Uint8Array | null,
  onReached: (connection: MessageStream) => void,
  onProven: (connection: MessageStream) => void = () => {},
  byteCount: Pick<ByteCount, 'received' | 'sent'> | null = null,
): ConnectionProtector {
  // libp2p's type says a bare stream; what the upgrader passes is always the connection of a transport.
  const counted = (connection: MessageStream, keys: Keys) => {
    const inner = connection as MultiaddrConnection
    // What goes through a relay has been counted on the connection to the relay.
    const isRelayed = inner.remoteAddr.toString().includes('/p2p-circuit')
    return new ProtectedConnection(inner, keys, isRelayed ? null : byteCount)
  }
  return {
    async protect(connection, options) {
      onReached(connection)
      if (psk === null) return counted(connection, NO_KEYS)
      const timeout = AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)
      const signal = options?.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
      const bytes = byteStream(connection, { maxBufferSize: MAX_BUFFERED_BYTES })
      const exchange = async (sent: Uint8Array, receivedBytes: number) => {
        const received = bytes.read({ signal, bytes: receivedBytes })
        await Promise.all([received, bytes.write(sent, { signal })])
        return (await received).subarray()
      }
      const own = randomBytes(PSK_SALT_BYTES)
      const other = await exchange(own, PSK_SALT_BYTES)
      // An equal salt is our own, reflected: its proof would be our own too.
      const isReflected = Buffer.compare(own, other) === 0
      const proof = await exchange(keyProof(psk, own, other), PSK_PROOF_BYTES)
      if (isReflected || !timingSafeEqual(proof, keyProof(psk, other, own)))
        throw new VillageError('VILLAGE_KEY_MISMATCH')
      onProven(connection)
      const keys = { encrypt: createKeyStream(psk, own), decrypt: createKeyStream(psk, other) }
      return counted(bytes.unwrap(), keys)
    },
  }
}
