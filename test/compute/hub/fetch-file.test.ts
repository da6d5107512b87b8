/** One file of a hub that never gets further. */
import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fetchFile } from '../../../node/compute/hub/fetch-file.ts'
import { createHubHttp } from '../../../node/compute/hub/hub-http.ts'
import { temporaryDirectory } from '../../helpers/mesh.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const BYTES = Buffer.alloc(40_000, 7)
const PART = 5_000
const ATTEMPTS = 3

/** Sends the same beginning each time, as `head` announces it, waits until it was read, and hangs up. */
async function fetchFrom(head: (response: ServerResponse) => void): Promise<number> {
  let requests = 0
  let hangUp = () => {}
  const server = createServer((_, response) => {
    requests += 1
    head(response)
    hangUp = () => response.socket?.end()
    response.write(BYTES.subarray(0, PART))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const http = createHubHttp({ hub, token: null, environment: {}, userAgent: 'test', stallMs: 60_000 })
  const file = {
    path: 'model.safetensors',
    sizeBytes: BYTES.length,
    hash: { kind: 'sha256', hex: createHash('sha256').update(BYTES).digest('hex') },
  } as const
  const fetching = fetchFile(
    { http },
    {
      hub,
      repo: 'somebody/model',
      commit: '0'.repeat(40),
      file,
      target: path.join(await temporaryDirectory(), file.path),
      patience: { attempts: ATTEMPTS, backoffMs: 1, maxPauseMs: 1_000 },
      now: Date.now,
      signal: AbortSignal.timeout(20_000),
      onProgress(doneBytes) {
        if (doneBytes % PART === 0) hangUp()
      },
    },
  )
  try {
    await rejectsCode(fetching, 'HUB_UNREACHABLE')
  } finally {
    http.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return requests
}

test('a hub that begins anew each time and always breaks off at the same byte is given up', async () => {
  const requests = await fetchFrom((response) => response.writeHead(200, { 'content-length': BYTES.length }))
  // The first try brought something; those after it nothing that was not there.
  assert.is(requests, ATTEMPTS)
})

test('so is one that answers every range from the beginning', async () => {
  const contentRange = `bytes 0-${BYTES.length - 1}/${BYTES.length}`
  const requests = await fetchFrom((response) =>
    response.writeHead(206, { 'content-length': BYTES.length, 'content-range': contentRange }),
  )
  assert.is(requests, ATTEMPTS)
})

test.run()
