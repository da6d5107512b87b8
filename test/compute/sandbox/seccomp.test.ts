import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FilterMachine, seccompFilter } from '../../../node/compute/sandbox/seccomp.ts'
import { CHECKED_CALLS, REFUSED_CALLS } from '../../../node/compute/sandbox/syscalls.ts'

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const EPERM = 0x00050001
const ENOSYS = 0x00050026
const ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7 } as const
const MACHINES = ['x64', 'arm64'] as const

interface Call {
  readonly number: number
  readonly architecture?: number
  readonly arguments?: readonly number[]
}

/** What the kernel's interpreter of classic BPF does with the instructions that seccomp allows and the filter uses. */
function verdict(machine: FilterMachine, call: Call): number {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, call.number, true)
  data.setUint32(4, call.architecture ?? ARCHITECTURES[machine], true)
  for (const [index, value] of (call.arguments ?? []).entries()) data.setUint32(16 + 8 * index, value, true)
  const filter = seccompFilter(machine)
  const program = new DataView(filter.buffer)
  let accumulator = 0
  for (let at = 0; ; ) {
    assert.ok(at * 8 < filter.length, 'the program runs past its end')
    const operation = program.getUint16(at * 8, true)
    const constant = program.getUint32(at * 8 + 4, true)
    const jump = (holds: boolean) => at + 1 + program.getUint8(at * 8 + (holds ? 2 : 3))
    if (operation === 0x06) return constant
    if (operation === 0x20) {
      accumulator = data.getUint32(constant, true)
      at += 1
    } else if (operation === 0x15) at = jump(accumulator === constant)
    else if (operation === 0x35) at = jump(accumulator >= constant)
    else if (operation === 0x45) at = jump((accumulator & constant) !== 0)
    else assert.unreachable(`operation ${operation} is not known`)
  }
}

test('the filter is short enough for the kernel', () => {
  for (const machine of MACHINES) assert.ok(seccompFilter(machine).length / 8 < 4096)
})

test('every call of the table is refused, and no other number is', () => {
  for (const machine of MACHINES) {
    const refused = new Set(REFUSED_CALLS.map((row) => row[machine]))
    const checked = new Set<number>(Object.values(CHECKED_CALLS).map((row) => row[machine]))
    for (let number = 0; number < 600; number++) {
      if (checked.has(number)) continue
      assert.is(verdict(machine, { number }), refused.has(number) ? EPERM : ALLOW, `${machine} ${number}`)
    }
  }
})

test('no number stands twice in the table of a machine', () => {
  for (const machine of MACHINES) {
    const numbers = [...REFUSED_CALLS, ...Object.values(CHECKED_CALLS)]
      .map((row) => row[machine])
      .filter((number) => number !== null)
    assert.is(new Set(numbers).size, numbers.length)
  }
})

test('a call of another architecture kills, and one of x32 is refused', () => {
  assert.is(verdict('x64', { number: 1, architecture: 0x40000003 }), KILL)
  assert.is(verdict('arm64', { number: 1, architecture: ARCHITECTURES.x64 }), KILL)
  assert.is(verdict('x64', { number: 0x40000000 + 1 }), EPERM)
})

test('processes and threads can be made, namespaces cannot', () => {
  for (const machine of MACHINES) {
    const clone = (flags: number) =>
      verdict(machine, { number: CHECKED_CALLS.clone[machine], arguments: [flags] })
    assert.is(clone(17), ALLOW)
    assert.is(clone(0x003d0f00), ALLOW)
    for (const namespace of [
      0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
    ])
      assert.is(clone(namespace | 17), EPERM, namespace.toString(16))
    assert.is(verdict(machine, { number: CHECKED_CALLS.clone3[machine] }), ENOSYS)
  }
})

test('sockets are local ones', () => {
  for (const machine of MACHINES)
    for (const name of ['socket', 'socketpair'] as const)
      for (let family = 0; family < 48; family++)
        assert.is(
          verdict(machine, { number: CHECKED_CALLS[name][machine], arguments: [family] }),
          family === 1 ? ALLOW : EPERM,
        )
})

test('memory is shared through files only', () => {
  for (const machine of MACHINES) {
    const mmap = (flags: number) =>
      verdict(machine, { number: CHECKED_CALLS.mmap[machine], arguments: [0, 4096, 3, flags] })
    for (const [flags, expected] of [
      [0x21, EPERM],
      [0x23, EPERM],
      [0x40021, EPERM],
      [0x22, ALLOW],
      [0x01, ALLOW],
      [0x02, ALLOW],
    ] as const)
      assert.is(mmap(flags), expected, flags.toString(16))
  }
})

test('buffers of sockets stay as small as they are', () => {
  for (const machine of MACHINES) {
    const setsockopt = (level: number, option: number) =>
      verdict(machine, { number: CHECKED_CALLS.setsockopt[machine], arguments: [3, level, option] })
    for (let option = 0; option < 80; option++) {
      assert.is(setsockopt(1, option), [7, 8, 32, 33].includes(option) ? EPERM : ALLOW, `${option}`)
      assert.is(setsockopt(6, option), ALLOW)
    }
  }
})

test('nothing can be typed into a terminal', () => {
  for (const machine of MACHINES) {
    const ioctl = (request: number) =>
      verdict(machine, { number: CHECKED_CALLS.ioctl[machine], arguments: [1, request] })
    assert.is(ioctl(0x5412), EPERM)
    assert.is(ioctl(0x541c), EPERM)
    assert.is(ioctl(0x5401), ALLOW)
  }
})

test.run()
