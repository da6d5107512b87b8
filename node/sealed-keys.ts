/** The key file of a sealed store: a header twice, then a slot a record (sealed-format.ts). Overwritten in place. */
import { type FileHandle, open, readdir, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from './errors.ts'
import { syncDirectory, wipeFile, wipeOthers, writeAt, writeNew } from './sealed-disk.ts'
import {
  decodeHeader,
  decodeSlot,
  encodeHeader,
  encodeSlot,
  HEADER_BYTES,
  newSalt,
  type SealedSlot,
  SLOT_BYTES,
  SLOTS_OFFSET,
  storeKey,
} from './sealed-format.ts'

export const KEY_FILE = 'keys'
const NEW_KEY_FILE = 'keys.new'
const LEAST_SLOTS = 16
const FREE = Buffer.alloc(SLOT_BYTES)

export interface SealedKeys {
  /** What was found at opening, oldest first; their keys are zeroed. */
  readonly found: readonly { readonly index: number; readonly slot: SealedSlot }[]
  /** Slots that are neither free nor readable. */
  readonly damaged: number
  /** An erasure of everything had begun, and was finished at opening. */
  readonly wasClearing: boolean
  /** A free slot, which stays free until it is written. Grows the file where there is none. */
  take(): Promise<number>
  write(index: number, slot: SealedSlot, isSynced: boolean): Promise<void>
  /** The caller zeroes its key after use. Null: it was changed by somebody else. */
  read(index: number): Promise<SealedSlot | null>
  /** Overwrites the slot: what it was the key of is gone. */
  free(index: number, isSynced: boolean): Promise<void>
  /** Overwrites the salt of the store first, then all slots and all files beside the key file. */
  clear(): Promise<void>
  close(): Promise<void>
}

export interface SealedKeysInit {
  readonly directory: string
  readonly name: string
  /** The 32 bytes of the Ed25519 seed of the node. */
  readonly secret: Uint8Array
}

const positionOf = (index: number): number => SLOTS_OFFSET + index * SLOT_BYTES

async function createKeyFile(init: SealedKeysInit): Promise<void> {
  const { directory, name, secret } = init
  if ((await readdir(directory)).some((file) => file !== NEW_KEY_FILE))
    throw new VillageError(
      'SEALED_STORE_DAMAGED',
      `${directory} holds records, but the file of their keys is gone`,
    )
  const salt = newSalt()
  const header = encodeHeader({ state: 'ready', salt, slots: 0 }, storeKey(secret, salt, name), name)
  await wipeFile(path.join(directory, NEW_KEY_FILE), true)
  await writeNew(path.join(directory, NEW_KEY_FILE), Buffer.concat([header, header]), true)
  await rename(path.join(directory, NEW_KEY_FILE), path.join(directory, KEY_FILE))
  await syncDirectory(directory)
}

/**
 * Opens the key file or makes one. Throws SEALED_STORE_LOCKED where no header opens with this secret, SEALED_STORE_DAMAGED where
 * the file is cut off or gone.
 */
export async function openSealedKeys(init: SealedKeysInit): Promise<SealedKeys> {
  const file = path.join(init.directory, KEY_FILE)
  const openFile = () => open(file, 'r+')
  const handle = await openFile().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    await createKeyFile(init)
    return openFile()
  })
  try {
    return await readKeys(handle, await readFile(file), init)
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function readKeys(handle: FileHandle, bytes: Buffer, init: SealedKeysInit): Promise<SealedKeys> {
  const { directory, name, secret } = init
  const copies = [0, HEADER_BYTES].map((at) =>
    decodeHeader(bytes.subarray(at, at + HEADER_BYTES), secret, name),
  )
  const opened = copies[0] ?? copies[1]
  if (opened === null || opened === undefined)
    throw new VillageError(
      'SEALED_STORE_LOCKED',
      `The sealed store ${name} does not open with the key of this node`,
      { fields: { store: name } },
    )
  let { key } = opened
  let { salt, slots } = opened.header
  const wasClearing = opened.header.state === 'clearing'
  const found: { readonly index: number; readonly slot: SealedSlot }[] = []
  let freeSlots: number[] = []
  let damaged = 0

  async function writeHeader(state: 'ready' | 'clearing'): Promise<void> {
    const header = encodeHeader({ state, salt, slots }, key, name)
    for (const position of [0, HEADER_BYTES]) {
      await writeAt(handle, header, position)
      await handle.sync()
    }
  }

  async function finishClearing(): Promise<void> {
    const { size } = await handle.stat()
    for (let position = SLOTS_OFFSET; position < size; position += SLOT_BYTES)
      await writeAt(handle, FREE, position)
    await handle.sync()
    await wipeOthers(directory, (other) => other === KEY_FILE)
    slots = 0
    freeSlots = []
    await writeHeader('ready')
    await handle.truncate(SLOTS_OFFSET)
    await handle.sync()
  }

  async function grow(): Promise<void> {
    const before = slots
    const after = Math.max(LEAST_SLOTS, before * 2)
    await writeAt(handle, Buffer.alloc((after - before) * SLOT_BYTES), positionOf(before))
    await handle.sync()
    slots = after
    await writeHeader('ready')
    for (let index = after - 1; index >= before; index -= 1) freeSlots.push(index)
  }

  if (wasClearing) await finishClearing()
  else {
    if (bytes.byteLength < positionOf(slots))
      throw new VillageError('SEALED_STORE_DAMAGED', `The key file of the sealed store ${name} is cut off`, {
        fields: { store: name },
      })
    // Slots that a crash kept out of the header.
    await handle.truncate(positionOf(slots))
    if (copies[1]?.header.slots !== slots || !copies[1].header.salt.equals(salt) || copies[0] === null)
      await writeHeader('ready')
    for (let index = slots - 1; index >= 0; index -= 1) {
      const sealed = bytes.subarray(positionOf(index), positionOf(index + 1))
      const slot = sealed.equals(FREE) ? null : decodeSlot(sealed, key, name, index)
      if (slot !== null) {
        slot.key.fill(0)
        found.push({ index, slot })
      } else if (sealed.equals(FREE)) freeSlots.push(index)
      else damaged += 1
    }
    found.sort((a, b) => a.slot.sequence - b.slot.sequence)
  }

  return {
    found,
    damaged,
    wasClearing,
    async take() {
      if (freeSlots.length === 0) await grow()
      return freeSlots.at(-1)!
    },
    async write(index, slot, isSynced) {
      const sealed = encodeSlot(slot, key, name, index)
      freeSlots.splice(freeSlots.lastIndexOf(index), 1)
      await writeAt(handle, sealed, positionOf(index))
      if (isSynced) await handle.sync()
    },
    async read(index) {
      const sealed = Buffer.alloc(SLOT_BYTES)
      await handle.read(sealed, 0, SLOT_BYTES, positionOf(index))
      return decodeSlot(sealed, key, name, index)
    },
    async free(index, isSynced) {
      await writeAt(handle, FREE, positionOf(index))
      if (isSynced) await handle.sync()
      if (!freeSlots.includes(index)) freeSlots.push(index)
    },
    async clear() {
      key.fill(0)
      salt = newSalt()
      key = storeKey(secret, salt, name)
      await writeHeader('clearing')
      await finishClearing()
    },
    close: () => handle.close(),
  }
}
