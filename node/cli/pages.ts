/** Reads a list of the API to its end, page by page. */
import type { Client } from '../client.ts'

export async function allPages<T, Answer extends { readonly next: string | null }>(
  client: Pick<Client, 'get'>,
  path: string,
  itemsOf: (answer: Answer) => readonly T[],
): Promise<{ items: T[]; last: Answer }> {
  const items: T[] = []
  for (let query = ''; ; ) {
    const last = await client.get<Answer>(`${path}${query}`)
    items.push(...itemsOf(last))
    if (last.next === null) return { items, last }
    query = `?cursor=${encodeURIComponent(last.next)}`
  }
}
