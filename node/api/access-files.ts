/**
 * The two files that let the command line and other local programs reach the daemon, both 0600 in the data directory:
 * `api.token` (kept between runs) is the bearer token, `api.json` (removed at the stop) says where the API listens.
 */
import { randomBytes } from 'node:crypto'
import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { writeSecretFile } from '../identity.ts'
import type { Log } from '../log.ts'

export const TOKEN_FILE = 'api.token'
export const ADDRESS_FILE = 'api.json'
const TOKEN_BYTES = 32
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/

export interface ApiAddress {
  url: string
  pid: number
  instance: string
  version: string
  startedAtMs: number
}

/** Reads the token, or makes one. A file that holds no token is replaced: nothing else depends on its value. */
export async function loadToken(components: { log: Log }, directory: string): Promise<string> {
  const file = path.join(directory, TOKEN_FILE)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text !== null && TOKEN_PATTERN.test(text.trim())) {
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) {
      components.log.warn({ file }, 'token file could be read by others; narrowed to 0600')
      await chmod(file, 0o600)
    }
    return text.trim()
  }
  if (text !== null) {
    components.log.warn({ file }, 'token file held no token; replaced')
    await rm(file)
  }
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  await writeSecretFile(file, Buffer.from(`${token}\n`))
  return token
}

export async function writeAddress(directory: string, address: ApiAddress): Promise<void> {
  const file = path.join(directory, ADDRESS_FILE)
  const temporary = `${file}.${process.pid}.tmp`
  await rm(temporary, { force: true })
  await writeFile(temporary, `${JSON.stringify(address)}\n`, { mode: 0o600, flag: 'wx' })
  await rename(temporary, file)
}

/** Removes the address file unless a later daemon has written its own. */
export async function removeAddress(directory: string, instance: string): Promise<void> {
  const file = path.join(directory, ADDRESS_FILE)
  // Not there or not readable: then it is not ours to remove, and a stop goes on all the same.
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text?.includes(`"${instance}"`) === true) await rm(file, { force: true })
}
