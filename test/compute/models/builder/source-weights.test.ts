/** Weights as they are written: in bands of any size, turned or not, from any of the float types. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createSourceWeights } from '../../../../node/compute/models/builder/source-weights.ts'
import { BFLOAT16, encodeFloats, FLOAT16, FLOAT32 } from '../../../../node/compute/onnx/data-types.ts'
import type { TensorSource } from '../../../../node/compute/onnx/encode.ts'
import { openSafetensors } from '../../../../node/compute/safetensors/read.ts'
import { safetensors } from '../../safetensors/small-safetensors.ts'

const TYPES = { F32: FLOAT32, F16: FLOAT16, BF16: BFLOAT16 } as const

function written(source: TensorSource): number[] {
  const parts: Buffer[] = []
  source.write((bytes) => parts.push(Buffer.from(bytes)))
  const all = Buffer.concat(parts)
  assert.is(all.length, source.sizeBytes)
  return Array.from({ length: all.length / 4 }, (_, i) => all.readFloatLE(i * 4))
}

test('a matrix comes out whole and turned, whatever the size of a band', () => {
  const directory = mkdtempSync(join(tmpdir(), 'village-weights-'))
  try {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom('F32', 'F16', 'BF16' as const),
        (rows, cols, bandElements, dtype) => {
          // Small whole numbers, which each type holds.
          const values = Float32Array.from({ length: rows * cols }, (_, i) => ((i * 37) % 251) - 125)
          const bytes = new Uint8Array(encodeFloats(TYPES[dtype], values)!)
          writeFileSync(
            join(directory, 'model.safetensors'),
            safetensors([{ name: 'w', dtype, shape: [rows, cols], bytes }]),
          )
          using model = openSafetensors(directory)
          const weights = createSourceWeights(model, { bandElements })
          assert.equal(written(weights.tensor('w', [rows, cols])), [...values])
          const turned = weights.transposed('w', rows, cols)
          assert.equal(turned.dims, [cols, rows])
          const expected = Array.from(
            { length: cols * rows },
            (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]!,
          )
          assert.equal(written(turned), expected)
          assert.is(weights.parameters(), rows * cols)
        },
      ),
      { numRuns: 60, seed: 5 },
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test.run()
