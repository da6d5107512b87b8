/** What the figures were measured on: they mean nothing without it. */
import { availableParallelism, cpus, totalmem } from 'node:os'
import { loadKernels } from '../../node/compute/kernels.ts'

export function describeMachine(): string {
  const kernels = loadKernels()
  return [
    `${availableParallelism()} cores`,
    cpus()[0]?.model.trim() ?? process.arch,
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Node ${process.versions.node}`,
    kernels.native ? `native kernels (${kernels.simd})` : 'TypeScript reference kernels',
  ].join(', ')
}
