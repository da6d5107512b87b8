/** One after the other by key: what changes a collection waits for what changed it before. */
export type Exclusive = <T>(key: string, work: () => Promise<T>) => Promise<T>

export function createExclusive(): Exclusive {
  const last = new Map<string, Promise<unknown>>()
  return (key, work) => {
    const before = last.get(key) ?? Promise.resolve()
    const result = before.then(work, work)
    last.set(key, result)
    const forget = () => {
      if (last.get(key) === result) last.delete(key)
    }
    result.then(forget, forget)
    return result
  }
}
