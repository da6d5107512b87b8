/** Where a program tried to send anything, from strace's record of it. */

export interface Contact {
  readonly address: string
  readonly port: number
}

const INET = /sa_family=AF_INET, sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)/g
const INET6 = /sa_family=AF_INET6, sin6_port=htons\((\d+)\),[^}]*?inet_pton\(AF_INET6, "([^"]+)"/g

/** Every address in a record of connect, sendto, sendmsg and sendmmsg, each once. */
export function contactsOf(record: string): readonly Contact[] {
  const found = new Map<string, Contact>()
  for (const rule of [INET, INET6])
    for (const [, port, address = ''] of record.matchAll(rule))
      found.set(`${address} ${port}`, { address, port: Number(port) })
  return [...found.values()]
}

/** Neither this machine, nor the cable's networks (`10.77.0.`), nor multicast DNS: what an offline node must not try. */
export function strayContacts(contacts: readonly Contact[], networks: readonly string[]): readonly Contact[] {
  return contacts.filter(({ address, port }) => {
    if (address.startsWith('127.') || address === '::1') return port === 53
    if (address === '224.0.0.251') return port !== 5353
    return port === 53 || !networks.some((network) => address.startsWith(network))
  })
}
