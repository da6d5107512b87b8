/**
 * A backup under a passphrase: scrypt (RFC 7914) makes the key from it, and the stream is sealed in frames by AES-256-GCM, so that no
 * part is given out before it was checked, and none can be changed, moved, taken away or cut off. The nonce of a frame is its number and
 * whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015); the key is new for every file.
 *
 * File: magic 8 bytes · log2 N, r, p: 1 byte each · salt 32 bytes · frames: length of the sealed bytes 4 bytes (big endian; highest bit:
 * the last one), sealed bytes, tag 16 bytes.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { invalidBackup } from './backup-archive.ts'
import { VillageError } from './errors.ts'

export const SEAL_MAGIC = Buffer.from('VBACKUP1', 'latin1')
const SALT_BYTES = 32
const HEADER_BYTES = SEAL_MAGIC.length + 3 + SALT_BYTES
const FRAME_BYTES = 2 ** 16
const TAG_BYTES = 16
const LAST = 0x8000_0000
/** 128 MiB and about half a second of one core. */
const COST = { log2N: 17, r: 8, p: 1 }
const MIN_PASSPHRASE_UNITS = 8
const MAX_PASSPHRASE_BYTES = 1024

/** The first line of a file. Throws BACKUP_PASSPHRASE where it is too short to protect anything. */
export function passphraseOf(text: string): string {
  const passphrase = (text.split(/\r?\n/)[0] ?? '').normalize('NFC')
  if (passphrase.length < MIN_PASSPHRASE_UNITS || Buffer.byteLength(passphrase) > MAX_PASSPHRASE_BYTES)
    throw new VillageError(
      'BACKUP_PASSPHRASE',
      `The passphrase must have at least ${MIN_PASSPHRASE_UNITS} characters, in one line`,
    )
  return passphrase
}

function keyOf(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  const { log2N, r, p } = COST
  return new Promise((resolve, reject) =>
    scrypt(passphrase, salt, 32, { N: 2 ** log2N, r, p, maxmem: 2 ** 28 }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    ),
  )
}

function nonceOf(frame: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(frame, 5, 6)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

export async function* seal(
  source: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Uint8Array> {
  const salt = randomBytes(SALT_BYTES)
  const header = Buffer.concat([SEAL_MAGIC, Buffer.from([COST.log2N, COST.r, COST.p]), salt])
  const key = await keyOf(passphrase, salt)
  let frames = 0
  const frame = (plain: Uint8Array, isLast: boolean): Buffer => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(frames, isLast)).setAAD(header)
    frames += 1
    const length = Buffer.alloc(4)
    length.writeUInt32BE(plain.byteLength + (isLast ? LAST : 0))
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
    return Buffer.concat([length, sealed, cipher.getAuthTag()])
  }
  yield header
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  for await (const chunk of source) {
    waiting.push(chunk)
    waitingBytes += chunk.byteLength
    if (waitingBytes < FRAME_BYTES) continue
    const all = Buffer.concat(waiting)
    const whole = Math.floor((all.byteLength - 1) / FRAME_BYTES)
    for (let at = 0; at < whole; at++)
      yield frame(all.subarray(at * FRAME_BYTES, (at + 1) * FRAME_BYTES), false)
    waiting = [all.subarray(whole * FRAME_BYTES)]
    waitingBytes = all.byteLength - whole * FRAME_BYTES
  }
  // Never more than a frame: what is longer was given out above.
  yield frame(Buffer.concat(waiting), true)
}

/** Throws BACKUP_PASSPHRASE where the first frame does not open, and BACKUP_INVALID for any other that was changed. */
export async function* unseal(
  source: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  let rest = Buffer.alloc(0)
  const take = async (sizeBytes: number): Promise<Buffer> => {
    const pieces: Buffer[] = [rest]
    let held = rest.byteLength
    while (held < sizeBytes) {
      const next = await iterator.next()
      if (next.done === true) throw invalidBackup('it is cut off')
      pieces.push(Buffer.from(next.value))
      held += next.value.byteLength
    }
    const all = Buffer.concat(pieces)
    rest = all.subarray(sizeBytes)
    return all.subarray(0, sizeBytes)
  }
  try {
    const header = await take(HEADER_BYTES)
    const [log2N, r, p] = header.subarray(SEAL_MAGIC.length)
    // Whoever made the file could otherwise name any cost, and so any amount of memory.
    if (log2N !== COST.log2N || r !== COST.r || p !== COST.p) throw invalidBackup('its header is damaged')
    const key = await keyOf(passphrase, header.subarray(SEAL_MAGIC.length + 3))
    for (let frame = 0; ; frame++) {
      const length = (await take(4)).readUInt32BE(0)
      const isLast = length >= LAST
      const sealedBytes = isLast ? length - LAST : length
      if (sealedBytes > FRAME_BYTES) throw invalidBackup('a frame is too long')
      const sealed = await take(sealedBytes + TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(frame, isLast), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(header)
        .setAuthTag(sealed.subarray(sealedBytes))
      let plain: Buffer
      try {
        plain = Buffer.concat([decipher.update(sealed.subarray(0, sealedBytes)), decipher.final()])
      } catch (error) {
        if (frame === 0)
          throw new VillageError('BACKUP_PASSPHRASE', 'The passphrase does not open this backup', {
            cause: error,
          })
        throw invalidBackup('a part of it was changed')
      }
      yield plain
      if (isLast) break
    }
    if (rest.byteLength > 0 || (await iterator.next()).done !== true)
      throw invalidBackup('something follows its end')
  } finally {
    await iterator.return?.()
  }
}
