import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams } from '../../../node/compute/codecs/codec.ts'
import { CODECS, codecByName, decodeSlice } from '../../../node/compute/codecs/table.ts'
import { allKernels } from '../../helpers/weights.ts'

interface Vector {
  about: string
  codec: string
  params: CodecParams
  /** Of the codecs that take one. */
  codebook?: string
  rows: number
  cols: number
  weights: string
  packed: string
  decoded: string
}

const file = new URL('../../vectors/codecs/slices.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }

function floats(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'))
  return new Float32Array(bytes.buffer)
}

test('every codec has golden vectors', () => {
  const covered = new Set(vectors.map((vector) => vector.codec))
  for (const { name } of CODECS) assert.ok(covered.has(name), name)
})

// Stored models and other peers hold these bytes: a change here is a new codec id, not a new vector.
for (const { about, codec, params, rows, cols, weights, packed, decoded, codebook } of vectors)
  test(`${codec}: ${about}`, () => {
    for (const kernels of allKernels()) {
      const matrix = { rows, cols, data: floats(weights) }
      const aids =
        codebook === undefined ? {} : { codebook: Uint8Array.from(Buffer.from(codebook, 'base64')) }
      const row = codecByName(codec)
      const encoded = row.encode(matrix, row.parseParams(params), kernels, aids)
      assert.is(Buffer.from(encoded).toString('base64'), packed, `${kernels.simd} encodes`)
      assert.equal(
        decodeSlice(encoded, kernels, aids.codebook).data,
        floats(decoded),
        `${kernels.simd} decodes`,
      )
    }
  })

test.run()
