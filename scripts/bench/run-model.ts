/**
 * Runs a decoder of transformer-model.ts in a process of its own: `run-model.ts MODEL.onnx` prints one line of JSON with tokens
 * by second and the largest memory of the process.
 */
import { readFileSync } from 'node:fs'
import { createSessions } from '../../node/compute/onnx/sessions.ts'

const TOKENS = 64
const ROUNDS = 5

const modelPath = process.argv[2]!
const sessions = createSessions()
const signal = new AbortController().signal
const data = BigInt64Array.from({ length: TOKENS }, (_, index) => BigInt((index * 7919) % 8000))
const feeds = { input_ids: { type: 'int64' as const, dims: [1, TOKENS], data } }
const loading = performance.now()
await sessions.run({ modelPath, feeds }, signal)
const loadSeconds = (performance.now() - loading) / 1000
const started = performance.now()
for (let round = 0; round < ROUNDS; round++) await sessions.run({ modelPath, feeds }, signal)
const seconds = (performance.now() - started) / 1000
const status = readFileSync('/proc/self/status', 'utf8')
const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)![1])
await sessions.close()
console.log(
  JSON.stringify({
    tokensPerSecond: (TOKENS * ROUNDS) / seconds,
    loadSeconds,
    memoryMb: (kib('VmRSS') * 1024) / 1e6,
    peakMb: (kib('VmHWM') * 1024) / 1e6,
  }),
)
