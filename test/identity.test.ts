import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../node/errors.ts'
import { loadIdentity, writeSecretFile } from '../node/identity.ts'
import { createLog } from '../node/log.ts'

const posix = process.platform !== 'win32'
const identity = suite<{ directory: string; file: string }>('identity')
identity.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-identity-'))
  context.file = path.join(context.directory, 'identity.key')
})
identity.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

function capture() {
  const lines: string[] = []
  return {
    lines,
    log: createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } }),
  }
}

async function rejection(promise: Promise<unknown>): Promise<VillageError> {
  const error = await promise.then(
    () => assert.unreachable('it did not reject'),
    (reason: unknown) => reason,
  )
  assert.instance(error, VillageError)
  return error as VillageError
}

identity('is made once, kept, and readable by its owner alone', async ({ directory, file }) => {
  const { log, lines } = capture()
  const first = await loadIdentity({ log }, { directory })
  const second = await loadIdentity({ log }, { directory })
  assert.is(second.peerId, first.peerId)
  assert.ok(second.privateKey.equals(first.privateKey))
  assert.match(first.peerId, /^12D3KooW/)
  if (posix) assert.is(statSync(file).mode & 0o777, 0o600)
  assert.equal(readdirSync(directory), ['identity.key'], 'no temporary file is left')
  assert.equal(lines, [])
})

identity('two nodes are two identities', async ({ directory }) => {
  const { log } = capture()
  const other = path.join(directory, 'other')
  mkdirSync(other)
  const [a, b] = await Promise.all([
    loadIdentity({ log }, { directory }),
    loadIdentity({ log }, { directory: other }),
  ])
  assert.is.not(a.peerId, b.peerId)
})

identity('starts at the same moment agree on one key', async ({ directory }) => {
  const { log } = capture()
  const made = await Promise.all(Array.from({ length: 8 }, () => loadIdentity({ log }, { directory })))
  assert.is(new Set(made.map(({ peerId }) => peerId)).size, 1)
  assert.equal(readdirSync(directory), ['identity.key'])
})

identity('wide permissions are narrowed, with a warning and without the key', async ({ directory, file }) => {
  if (!posix) return
  const { log, lines } = capture()
  const { peerId, privateKey } = await loadIdentity({ log }, { directory })
  chmodSync(file, 0o644)
  assert.is((await loadIdentity({ log }, { directory })).peerId, peerId)
  assert.is(statSync(file).mode & 0o777, 0o600)
  assert.is(lines.length, 1)
  const line = JSON.parse(lines[0]!) as { level: number; mode: string }
  assert.is(line.level, 40)
  assert.is(line.mode, '644')
  assert.not.match(lines[0]!, Buffer.from(privateKey.raw).toString('base64'))
})

identity(
  'a damaged key is an error that names the file, and the file stays as it was',
  async ({ directory, file }) => {
    const { log } = capture()
    const otherType = privateKeyToProtobuf(await generateKeyPair('secp256k1'))
    for (const bytes of [new Uint8Array(0), Buffer.from('not a key'), new Uint8Array(5000), otherType]) {
      rmSync(file, { force: true })
      writeFileSync(file, bytes, { mode: 0o600 })
      const error = await rejection(loadIdentity({ log }, { directory }))
      assert.is(error.code, 'IDENTITY_INVALID')
      assert.match(error.message, file)
      assert.equal(new Uint8Array(readFileSync(file)), new Uint8Array(bytes))
    }
  },
)

identity('a truncated key is refused at every length', async ({ directory, file }) => {
  const { log } = capture()
  await loadIdentity({ log }, { directory })
  const whole = readFileSync(file)
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length))
    assert.is(
      (await rejection(loadIdentity({ log }, { directory }))).code,
      'IDENTITY_INVALID',
      `${length} bytes`,
    )
  }
})

identity('a directory in the place of the key', async ({ directory, file }) => {
  mkdirSync(file, { mode: 0o700 })
  const { log } = capture()
  assert.is((await rejection(loadIdentity({ log }, { directory }))).code, 'IDENTITY_INVALID')
})

identity('a secret file is whole, private, and never overwritten', async ({ directory }) => {
  const file = path.join(directory, 'secret')
  await writeSecretFile(file, Buffer.from('one'))
  if (posix) assert.is(statSync(file).mode & 0o777, 0o600)
  const error = await writeSecretFile(file, Buffer.from('two')).catch((reason: unknown) => reason)
  assert.is((error as NodeJS.ErrnoException).code, 'EEXIST')
  assert.is(readFileSync(file, 'utf8'), 'one')
  assert.equal(readdirSync(directory), ['secret'], 'no temporary file is left')
})

identity.run()
