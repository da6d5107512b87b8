/** Collections of others as people name them. */
import type { Villages } from '../../../mesh/membership/villages.ts'

type Member = Pick<ReturnType<Villages['members']>[number], 'peer' | 'name' | 'self' | 'revoked' | 'leftAtMs'>

const isHere = ({ revoked, leftAtMs }: Member) => revoked === null && leftAtMs === null

/**
 * `notes@node-1`, by the name that a member goes by, as knowledge knows it: `notes@12D3…`. A name that several members go by, or
 * nobody, stays as it is: nobody's collection is taken for another's.
 */
export function withPeers(names: readonly string[], members: readonly Member[]): string[] {
  return names.map((name) => {
    const at = name.lastIndexOf('@')
    if (at <= 0) return name
    const [collection, owner] = [name.slice(0, at), name.slice(at + 1)]
    const [member, another] = members.filter((one) => one.name === owner && isHere(one))
    if (member === undefined || another !== undefined) return name
    return member.self ? collection : `${collection}@${member.peer}`
  })
}

/** The name that one member alone goes by; null for a peer that has none of its own. */
export function memberName(peer: string, members: readonly Member[]): string | null {
  const name = members.find((one) => one.peer === peer && isHere(one))?.name ?? ''
  const isShared = members.some((one) => one.peer !== peer && one.name === name && isHere(one))
  return name === '' || isShared ? null : name
}
