import { readFileSync } from 'node:fs'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decodeHeader,
  decodeRecord,
  decodeSlot,
  encodeHeader,
  encodeRecord,
  encodeSlot,
  storeKey,
} from '../node/sealed-format.ts'

const vector = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, 'vectors/sealed/v1.json'), 'utf8'),
) as {
  secret: string
  name: string
  salt: string
  key: string
  header: { state: 'ready'; slots: number; nonce: string; bytes: string }
  slot: {
    index: number
    id: string
    key: string
    file: string
    sequence: number
    updatedAtMs: number
    sizeBytes: number
    nonce: string
    bytes: string
  }
  record: { json: string; nonce: string; bytes: string }
}
const hex = (text: string) => Buffer.from(text, 'hex')
const { name } = vector
const key = storeKey(hex(vector.secret), hex(vector.salt), name)
const slot = { ...vector.slot, key: hex(vector.slot.key) }

const test = suite('sealed format')

test('header, slot and record are written byte for byte as in the vector', () => {
  const { header, record } = vector
  assert.is(key.toString('hex'), vector.key)
  assert.is(
    encodeHeader({ ...header, salt: hex(vector.salt) }, key, name, () => hex(header.nonce)).toString('hex'),
    header.bytes,
  )
  assert.is(encodeSlot(slot, key, name, slot.index, () => hex(slot.nonce)).toString('hex'), vector.slot.bytes)
  const value = { bytes: Buffer.from(record.json), isJson: true }
  assert.is(encodeRecord(value, slot, name, () => hex(record.nonce)).toString('hex'), record.bytes)
})

test('the vector is read, and only in its own place', () => {
  const opened = decodeHeader(hex(vector.header.bytes), hex(vector.secret), name)
  assert.is(opened?.header.slots, vector.header.slots)
  assert.is(opened?.key.toString('hex'), vector.key)
  const read = decodeSlot(hex(vector.slot.bytes), key, name, slot.index)
  assert.is(read?.id, slot.id)
  assert.is(read?.file, slot.file)
  assert.is(read?.updatedAtMs, slot.updatedAtMs)
  assert.is(decodeRecord(hex(vector.record.bytes), read!, name)?.bytes.toString(), vector.record.json)

  assert.is(decodeHeader(hex(vector.header.bytes), hex(vector.secret), 'audit'), null)
  assert.is(decodeSlot(hex(vector.slot.bytes), key, name, slot.index + 1), null)
  assert.is(decodeSlot(hex(vector.slot.bytes), key, 'audit', slot.index), null)
  assert.is(decodeRecord(hex(vector.record.bytes), { ...read!, id: 'other' }, name), null)
  assert.is(decodeRecord(hex(vector.record.bytes), read!, 'audit'), null)
})

test('no bit of header, slot or record can change unnoticed', () => {
  const unnoticed = (bytes: Buffer, end: number, isRead: (changed: Buffer) => boolean) => {
    for (let at = 0; at < end; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = changed[at]! ^ (1 << (at % 8))
      assert.not.ok(isRead(changed), `byte ${at}`)
    }
  }
  // What follows the tag of the header means nothing.
  unnoticed(hex(vector.header.bytes), 76, (bytes) => decodeHeader(bytes, hex(vector.secret), name) !== null)
  unnoticed(hex(vector.slot.bytes), 512, (bytes) => decodeSlot(bytes, key, name, slot.index) !== null)
  unnoticed(hex(vector.record.bytes), slot.sizeBytes, (bytes) => decodeRecord(bytes, slot, name) !== null)
})

test.run()
