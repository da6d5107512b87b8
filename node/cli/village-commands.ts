/** The commands of a village and its members: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const VILLAGE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'create',
    group: 'Village',
    summary: 'Create a village with this node as its first admin.',
    args: [['<name>', 'The name that members see.']],
    options: [{ flags: '--open', doc: 'Let anybody join as a guest.' }],
    load: async () => (await import('./create.ts')).create,
  },
  {
    name: 'invite',
    group: 'Village',
    summary: 'Make an invite: one line to copy, and a QR code.',
    options: [
      { flags: '--role <role>', doc: 'admin, member, edge, or guest of an open village.', default: 'member' },
      { flags: '--expires <duration>', doc: 'How long it is good for, such as 12h or 7d.', default: '7d' },
      { flags: '--uses <number>', doc: 'How many nodes may join by it.', default: '1' },
      { flags: '--no-qr', doc: 'Leave the QR code out.' },
    ],
    load: async () => (await import('./invite.ts')).invite,
  },
  {
    name: 'invites',
    group: 'Village',
    summary: 'List the open invites that were made on this node.',
    load: async () => (await import('./invites.ts')).invites,
  },
  {
    name: 'withdraw',
    group: 'Village',
    summary: 'Withdraw an invite: nobody can join by it any more.',
    args: [['<id>', 'Id of the invite (`village invites` lists them).']],
    load: async () => (await import('./withdraw.ts')).withdraw,
  },
  {
    name: 'join',
    group: 'Village',
    summary: 'Join the village of an invite.',
    args: [['<invite>', 'The line that begins with village1; `-` reads it from standard input.']],
    load: async () => (await import('./join.ts')).join,
  },
  {
    name: 'leave',
    group: 'Village',
    summary: 'Leave the village: members are told, and its keys are removed from this node.',
    options: [{ flags: '--force', doc: 'Also as the last admin of others.' }],
    load: async () => (await import('./leave.ts')).leave,
  },
  {
    name: 'members',
    group: 'Village',
    summary: 'Everybody on the roster.',
    load: async () => (await import('./members.ts')).members,
  },
  {
    name: 'peers',
    group: 'Village',
    summary: 'Members that are connected now.',
    load: async () => (await import('./peers.ts')).peers,
  },
  {
    name: 'revoke',
    group: 'Village',
    summary: 'Revoke a member: it is shut out everywhere.',
    args: [['<peer>', 'Peer ID of the member, or its end.']],
    options: [{ flags: '--reason <text>', doc: 'Shown to members.', default: '' }],
    load: async () => (await import('./revoke.ts')).revoke,
  },
  {
    name: 'dial',
    group: 'Village',
    summary: 'Connect to the member at an address.',
    args: [['<address>', 'A multiaddr such as /ip4/192.0.2.1/tcp/4001.']],
    load: async () => (await import('./dial.ts')).dial,
  },
  {
    name: 'trust',
    group: 'Village',
    summary: 'What each peer has earned by its results, and who is quarantined.',
    load: async () => (await import('./trust.ts')).trust,
  },
  {
    name: 'pardon',
    group: 'Village',
    summary: 'End the quarantine of a peer; it starts anew without trust.',
    args: [['<peer>', 'Peer ID, or its end (`village trust`).']],
    load: async () => (await import('./trust.ts')).pardon,
  },
]
