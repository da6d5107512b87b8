/** Merged tensors in files, as tasks handed them in: float32, one after another. Read one tensor at a time. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { VillageError } from '../../errors.ts'

export interface PartFile {
  readonly file: string
  /** In the order of their bytes. */
  readonly tensors: readonly { readonly name: string; readonly elements: number }[]
}

export interface MergedParts extends Disposable {
  /** Null for a tensor that is in none of the files. Throws RESULT_INVALID for one of another size. */
  read(name: string, elements: number): Float32Array | null
}

interface Place {
  readonly fd: number
  readonly offset: number
  readonly elements: number
}

const invalid = (problem: string) => new VillageError('RESULT_INVALID', `A part of the merge ${problem}`)

export function openParts(parts: readonly PartFile[]): MergedParts {
  const fds: number[] = []
  const places = new Map<string, Place>()
  const close = () => {
    for (const fd of fds) closeSync(fd)
  }
  try {
    for (const { file, tensors } of parts) {
      const fd = openSync(file, 'r')
      fds.push(fd)
      let offset = 0
      for (const { name, elements } of tensors) {
        places.set(name, { fd, offset, elements })
        offset += elements * 4
      }
      if (fstatSync(fd).size !== offset) throw invalid('has another size than its tensors')
    }
  } catch (error) {
    close()
    throw error
  }
  return {
    read(name, elements) {
      const place = places.get(name)
      if (place === undefined) return null
      if (place.elements !== elements) throw invalid('is not of the size of its tensor')
      const values = new Float32Array(elements)
      const bytes = new Uint8Array(values.buffer)
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(place.fd, bytes, at, bytes.length - at, place.offset + at)
        if (count === 0) throw invalid('became shorter while it was read')
        at += count
      }
      return values
    },
    [Symbol.dispose]: close,
  }
}
