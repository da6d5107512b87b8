/** JSON Schemas (2020-12) of what the API takes and answers with, shared by the rows of the route table. */
import type { JsonSchema } from './routes/route.ts'

/**
 * For Ajv, which otherwise compiles the schema of all schemas before the first of ours, and that takes longer than what a request
 * needs. That ours follow it is held by a test.
 */
export const OWN_SCHEMAS = { meta: false, validateSchema: false } as const

export const text = (maxLength = 1024): JsonSchema => ({ type: 'string', minLength: 1, maxLength })
export const anyText: JsonSchema = { type: 'string' }
export const flag: JsonSchema = { type: 'boolean' }
export const amount: JsonSchema = { type: 'number' }
export const integer = (minimum = 0, maximum = Number.MAX_SAFE_INTEGER): JsonSchema => ({
  type: 'integer',
  minimum,
  maximum,
})
export const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values })
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
export const anyObject: JsonSchema = { type: 'object' }
export const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] })

/** An object with exactly these properties; those named in `optional` may be absent. */
export function object(properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  }
}

export const ROLE = oneOf('admin', 'member', 'edge', 'guest')
export const DONE = object({ done: { type: 'boolean', const: true } })
const REVOKED = object({ atMs: amount, by: anyText, reason: anyText })
const ERROR = object({ code: anyText, message: anyText, fix: orNull(anyText), fields: anyObject })

export const PROBLEM = object({
  type: anyText,
  title: anyText,
  status: integer(400, 599),
  detail: anyText,
  code: anyText,
  fix: anyText,
  fields: anyObject,
})

const CAPABILITIES = object(
  {
    version: anyText,
    cores: amount,
    memoryBytes: amount,
    power: oneOf('mains', 'battery', 'unknown'),
    profile: anyText,
    native: flag,
    accepting: flag,
    load: amount,
    taskKinds: listOf(anyText),
    models: listOf(anyText),
    /** Agents that answer requests of members. */
    agents: listOf(object({ name: anyText, model: flag })),
  },
  ['agents'],
)

export const PEER = object({
  peer: anyText,
  name: anyText,
  role: ROLE,
  addresses: listOf(anyText),
  direction: oneOf('inbound', 'outbound'),
  relayed: flag,
  connectedAtMs: amount,
  latencyMs: orNull(amount),
  capabilities: orNull(CAPABILITIES),
})

export const VILLAGE = object({
  id: anyText,
  name: anyText,
  open: flag,
  createdAtMs: amount,
  role: ROLE,
  members: integer(),
  revoked: orNull(REVOKED),
})

export const MEMBER = object({
  peer: anyText,
  name: anyText,
  role: ROLE,
  joinedAtMs: amount,
  sponsor: orNull(anyText),
  revoked: orNull(REVOKED),
  leftAtMs: orNull(amount),
  connected: flag,
  self: flag,
})

export const INVITE = object({
  invite: anyText,
  id: anyText,
  role: ROLE,
  expiresAtMs: orNull(amount),
  uses: orNull(integer()),
  qrSvg: orNull(anyText),
})

export const OPEN_INVITE = object({
  id: anyText,
  role: ROLE,
  issuedAtMs: amount,
  expiresAtMs: amount,
  uses: integer(),
  used: integer(),
})

export const ARTIFACT = object(
  {
    cid: anyText,
    sizeBytes: integer(),
    name: orNull(anyText),
    kind: oneOf('file', 'directory'),
    pins: listOf(anyText),
    addedAtMs: amount,
    complete: flag,
    private: flag,
  },
  ['private'],
)

export const USAGE = object({
  blocks: integer(),
  sizeBytes: integer(),
  maxBytes: amount,
  sentBytes: amount,
  receivedBytes: amount,
})

export const MODEL = object({
  id: anyText,
  cid: anyText,
  name: anyText,
  kind: oneOf('language', 'encoder', 'adapter', 'onnx', 'safetensors', 'packed'),
  parameters: integer(),
  sizeBytes: integer(),
  addedAtMs: amount,
  source: anyText,
  parent: orNull(anyText),
  base: orNull(anyText),
  notes: listOf(anyText),
  report: orNull(anyObject),
  doubt: orNull(object({ job: anyText, peers: listOf(anyText), sinceMs: amount })),
  shared: flag,
})

const PORT = object({
  name: anyText,
  type: anyText,
  dims: listOf({ anyOf: [integer(), anyText, { type: 'null' }] }),
})

export const MODEL_DETAILS = object({
  irVersion: amount,
  opsets: listOf(object({ domain: anyText, version: integer() })),
  inputs: listOf(PORT),
  outputs: listOf(PORT),
  operators: { type: 'object', additionalProperties: integer() },
  tensors: listOf(
    object({
      name: anyText,
      type: anyText,
      dims: listOf(integer()),
      sizeBytes: amount,
      compressible: flag,
    }),
  ),
  externalFiles: integer(),
  card: orNull(anyObject),
})

export const JOB = object({
  id: anyText,
  kind: anyText,
  state: oneOf('running', 'done', 'failed', 'cancelled'),
  priority: amount,
  createdAtMs: amount,
  finishedAtMs: orNull(amount),
  total: integer(),
  done: integer(),
  stage: orNull(anyText),
  stages: listOf(object({ name: anyText, from: integer() })),
  params: anyObject,
  result: orNull(anyObject),
  error: orNull(ERROR),
  shares: {
    type: 'object',
    additionalProperties: object({ tasks: integer(), busyMs: amount, bytes: amount }),
  },
  doubt: orNull(object({ peers: listOf(anyText), tasks: integer(), sinceMs: amount })),
})

export const TASK = object({
  index: integer(),
  kind: anyText,
  state: oneOf('waiting', 'ready', 'leased', 'done', 'failed', 'cancelled'),
  peers: listOf(anyText),
  attempts: integer(),
  progress: amount,
  label: anyText,
})

export const TRUST = object({
  peer: anyText,
  kind: anyText,
  consecutiveValid: integer(),
  quarantinedUntilMs: orNull(amount),
  reason: orNull(anyText),
})

export const STATUS = object({
  version: anyText,
  name: anyText,
  peer: anyText,
  startedAtMs: amount,
  uptimeMs: amount,
  runtime: object({ node: anyText, platform: anyText, arch: anyText, pid: integer() }),
  dataDirectory: anyText,
  url: anyText,
  addresses: listOf(anyText),
  compute: object({
    native: flag,
    reason: orNull(anyText),
    simd: anyText,
    threads: integer(),
    busy: integer(),
    queued: integer(),
  }),
  village: orNull(VILLAGE),
  peers: integer(),
  models: integer(),
  jobs: object({ running: integer(), done: integer(), failed: integer(), cancelled: integer() }),
  knowledge: object({
    /** Of this node, with what is live in them. */
    collections: integer(),
    documents: integer(),
    passages: integer(),
    sizeBytes: amount,
    /** Runs of indexing that wait or go on. */
    indexing: integer(),
    /** Collections that cannot be read. */
    problems: integer(),
    /** What this node keeps of the collections of others. */
    heldSegments: integer(),
    heldBytes: amount,
  }),
  artifacts: USAGE,
  resources: object({ profile: anyText, accepting: flag, reason: orNull(anyText), load: amount }),
})

export const CHECK = object({
  name: anyText,
  level: oneOf('ok', 'warn', 'fail'),
  message: anyText,
  fix: orNull(anyText),
})
