/** The Ed25519 key of this node: its public half is the peer ID, its private half never leaves the key file (0600). */
import { chmod, link, open, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { VillageError } from './errors.ts'
import type { Log } from './log.ts'

export interface Identity {
  readonly privateKey: Ed25519PrivateKey
  /** Base58 peer ID. */
  readonly peerId: string
}

export const KEY_FILE = 'identity.key'
const MAX_KEY_BYTES = 1024

async function readKey(file: string): Promise<Ed25519PrivateKey> {
  try {
    const bytes = await readFile(file)
    if (bytes.byteLength > MAX_KEY_BYTES) throw new Error('it is too large')
    const key = privateKeyFromProtobuf(bytes)
    if (key.type !== 'Ed25519') throw new Error(`it holds a key of type ${key.type}`)
    return key
  } catch (error) {
    throw new VillageError('IDENTITY_INVALID', `${file} holds no valid key: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Two writers of one file, in this process or another, have temporary files of their own. */
let temporaryCount = 0

/** Writes the whole file under another name and links it into place, so that a crash leaves a whole key or none. */
export async function writeSecretFile(file: string, bytes: Uint8Array): Promise<void> {
  temporaryCount += 1
  const temporary = `${file}.${process.pid}-${temporaryCount}.tmp`
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Reads the key of this node, or makes one. Permissions wider than 0600 are narrowed, with a warning. */
export async function loadIdentity(components: { log: Log }, init: { directory: string }): Promise<Identity> {
  const file = path.join(init.directory, KEY_FILE)
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new VillageError('IDENTITY_INVALID', `${file} cannot be read`, { cause: error })
  })
  if (stats === null) {
    const privateKey = await generateKeyPair('Ed25519')
    try {
      await writeSecretFile(file, privateKeyToProtobuf(privateKey))
    } catch (error) {
      // Another start of this node made the key at the same moment: that one is it.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return loadIdentity(components, init)
      throw error
    }
    return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString() }
  }
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
    components.log.warn(
      { file, mode: (stats.mode & 0o777).toString(8) },
      'key file could be read by others; narrowed to 0600',
    )
    await chmod(file, 0o600)
  }
  const privateKey = await readKey(file)
  return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString() }
}
