/** Sealed stores in a test's folder, and what lies on the disk of them. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { JsonValue } from '../../node/json.ts'
import { createLog } from '../../node/log.ts'
import { createSealedStore, type SealedStore, type SealedStoreInit } from '../../node/sealed-store.ts'

export const NEVER = new AbortController().signal
export const log = createLog({ level: 'silent' })
export const identity = { privateKey: await generateKeyPair('Ed25519') }

export async function opened(directory: string, init: Partial<SealedStoreInit> = {}): Promise<SealedStore> {
  const store = createSealedStore(
    { log, identity },
    { directory, name: 'test', maxRecords: 1000, maxBytes: 2 ** 24, ...init },
  )
  await store.start(NEVER)
  return store
}

export async function using<T>(
  directory: string,
  use: (store: SealedStore) => Promise<T>,
  init: Partial<SealedStoreInit> = {},
): Promise<T> {
  const store = await opened(directory, init)
  try {
    return await use(store)
  } finally {
    await store.stop()
  }
}

export function recordFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name !== 'keys')
}

export function rawBytes(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(path.join(directory, name))))
}

export async function contents(store: SealedStore): Promise<Record<string, JsonValue>> {
  const found: Record<string, JsonValue> = {}
  for (const { id } of store.list()) found[id] = await store.getJson(id)
  return found
}
