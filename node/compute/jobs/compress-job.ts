/** Job kind `compress`. What it does at each stage is loaded with the first such job (compress-flow.ts). */
import { parseCompressParams } from './compress-params.ts'
import type { JobKind } from './job.ts'

const flow = async () => (await import('./compress-flow.ts')).compressFlow

export const compressJob: JobKind = {
  kind: 'compress',
  parseParams: parseCompressParams,
  plan: async (...given) => (await flow()).plan(...given),
  next: async (...given) => (await flow()).next(...given),
  ahead: async (...given) => (await flow()).ahead(...given),
  assemble: async (...given) => (await flow()).assemble(...given),
}
