/**
 * The system call filter of the sandbox: a classic BPF program for seccomp, made here so that no library is needed.
 *
 * An instruction is 8 bytes, little-endian: operation (u16), jump if true (u8), jump if false (u8), constant (u32). The
 * program sees struct seccomp_data: call number at 0, architecture at 4, the six arguments from 16 on, 8 bytes each.
 * Source: Linux, Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{filter,seccomp,audit}.h.
 */
import { CHECKED_CALLS, REFUSED_CALLS } from './syscalls.ts'

export type FilterMachine = 'x64' | 'arm64'

interface Instruction {
  readonly operation: number
  readonly jumpTrue: number
  readonly jumpFalse: number
  readonly constant: number
}

const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER_OR_EQUAL = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06

const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const FAIL_WITH = 0x00050000
const EPERM = 1
const ENOSYS = 38

const NUMBER_AT = 0
const ARCHITECTURE_AT = 4
/** The low half of argument `n`; the kernel reads no more of the arguments that are checked here. */
const argumentAt = (n: number) => 16 + 8 * n

const ARCHITECTURES: Readonly<Record<FilterMachine, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }
/** Numbers of the x32 calling convention carry this bit under the architecture of x64. */
const X32_BIT = 0x40000000
/** CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e020080
const AF_UNIX = 1
const SOL_SOCKET = 1
/** SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE. */
const BUFFER_OPTIONS = [7, 8, 32, 33] as const
const MAP_ANONYMOUS = 0x20
/** Set in MAP_SHARED and MAP_SHARED_VALIDATE, not in MAP_PRIVATE. */
const MAP_SHARED_BIT = 0x01
const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c

const load = (at: number): Instruction => ({
  operation: LOAD_WORD,
  jumpTrue: 0,
  jumpFalse: 0,
  constant: at,
})
const end = (constant: number): Instruction => ({ operation: RETURN, jumpTrue: 0, jumpFalse: 0, constant })
/** Goes on with the next instruction where the comparison holds, and leaves out `skip` of them where it does not. */
const when = (operation: number, constant: number, skip: number): Instruction => ({
  operation,
  jumpTrue: 0,
  jumpFalse: skip,
  constant,
})
const unless = (operation: number, constant: number, skip: number): Instruction => ({
  operation,
  jumpTrue: skip,
  jumpFalse: 0,
  constant,
})

/** The instructions for one call whose argument decides: they end the program for this call. */
function checked(number: number, body: readonly Instruction[]): Instruction[] {
  return [when(JUMP_EQUAL, number, body.length), ...body]
}

function instructions(machine: FilterMachine): Instruction[] {
  const call = (name: keyof typeof CHECKED_CALLS) => CHECKED_CALLS[name][machine]
  const refuse = end(FAIL_WITH | EPERM)
  const onlyUnixSockets = [load(argumentAt(0)), unless(JUMP_EQUAL, AF_UNIX, 1), refuse, end(ALLOW)] as const
  return [
    load(ARCHITECTURE_AT),
    unless(JUMP_EQUAL, ARCHITECTURES[machine], 1),
    end(KILL_PROCESS),
    load(NUMBER_AT),
    ...(machine === 'x64' ? [when(JUMP_GREATER_OR_EQUAL, X32_BIT, 1), refuse] : []),
    ...REFUSED_CALLS.flatMap((row) => {
      const number = row[machine]
      return number === null ? [] : [when(JUMP_EQUAL, number, 1), refuse]
    }),
    // Its flags lie in memory, where a filter cannot look; without it a C library takes clone.
    ...checked(call('clone3'), [end(FAIL_WITH | ENOSYS)]),
    ...checked(call('clone'), [
      load(argumentAt(0)),
      when(JUMP_ANY_BIT, NEW_NAMESPACES, 1),
      refuse,
      end(ALLOW),
    ]),
    ...checked(call('socket'), onlyUnixSockets),
    ...checked(call('socketpair'), onlyUnixSockets),
    ...checked(call('ioctl'), [
      load(argumentAt(1)),
      when(JUMP_EQUAL, TIOCSTI, 1),
      refuse,
      when(JUMP_EQUAL, TIOCLINUX, 1),
      refuse,
      end(ALLOW),
    ]),
    // Pages that several processes share count for none of them while none has touched them.
    ...checked(call('mmap'), [
      load(argumentAt(3)),
      when(JUMP_ANY_BIT, MAP_ANONYMOUS, 2),
      when(JUMP_ANY_BIT, MAP_SHARED_BIT, 1),
      refuse,
      end(ALLOW),
    ]),
    // What a socket holds is kernel memory.
    ...checked(call('setsockopt'), [
      load(argumentAt(1)),
      when(JUMP_EQUAL, SOL_SOCKET, 2 * BUFFER_OPTIONS.length + 1),
      load(argumentAt(2)),
      ...BUFFER_OPTIONS.flatMap((option) => [when(JUMP_EQUAL, option, 1), refuse]),
      end(ALLOW),
    ]),
    end(ALLOW),
  ]
}

/** The filter as bubblewrap takes it through --seccomp. */
export function seccompFilter(machine: FilterMachine): Uint8Array {
  const program = instructions(machine)
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  program.forEach(({ operation, jumpTrue, jumpFalse, constant }, index) => {
    view.setUint16(index * 8, operation, true)
    view.setUint8(index * 8 + 2, jumpTrue)
    view.setUint8(index * 8 + 3, jumpFalse)
    view.setUint32(index * 8 + 4, constant >>> 0, true)
  })
  return bytes
}
