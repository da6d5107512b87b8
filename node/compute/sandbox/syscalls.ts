/**
 * System calls that a program in the sandbox is refused, with their numbers on the two machines that are served.
 *
 * They are what programs of ordinary use never need and what attacks on a kernel start from: looking into other
 * processes, mounts and namespaces, kernel modules, clocks, keys, io_uring, and memory that no limit of the sandbox counts
 * (System V shared memory, memory files, message queues). Numbers: arch/x86/entry/syscalls/syscall_64.tbl and
 * include/uapi/asm-generic/unistd.h of Linux.
 */

export interface RefusedCall {
  readonly name: string
  readonly x64: number | null
  readonly arm64: number | null
}

function row(name: string, x64: number | null, arm64: number | null): RefusedCall {
  return { name, x64, arm64 }
}

export const REFUSED_CALLS: readonly RefusedCall[] = [
  // other processes
  row('ptrace', 101, 117),
  row('process_vm_readv', 310, 270),
  row('process_vm_writev', 311, 271),
  row('process_madvise', 440, 440),
  row('kcmp', 312, 272),
  row('pidfd_getfd', 438, 438),
  // mounts and namespaces
  row('mount', 165, 40),
  row('umount2', 166, 39),
  row('pivot_root', 155, 41),
  row('chroot', 161, 51),
  row('move_mount', 429, 429),
  row('open_tree', 428, 428),
  row('fsopen', 430, 430),
  row('fsconfig', 431, 431),
  row('fsmount', 432, 432),
  row('fspick', 433, 433),
  row('mount_setattr', 442, 442),
  row('unshare', 272, 97),
  row('setns', 308, 268),
  row('name_to_handle_at', 303, 264),
  row('open_by_handle_at', 304, 265),
  row('mknod', 133, null),
  row('mknodat', 259, 33),
  row('fanotify_init', 300, 262),
  row('fanotify_mark', 301, 263),
  // the machine
  row('swapon', 167, 224),
  row('swapoff', 168, 225),
  row('reboot', 169, 142),
  row('kexec_load', 246, 104),
  row('kexec_file_load', 320, 294),
  row('create_module', 174, null),
  row('init_module', 175, 105),
  row('finit_module', 313, 273),
  row('delete_module', 176, 106),
  row('acct', 163, 89),
  row('quotactl', 179, 60),
  row('quotactl_fd', 443, 443),
  row('settimeofday', 164, 170),
  row('clock_settime', 227, 112),
  row('adjtimex', 159, 171),
  row('clock_adjtime', 305, 266),
  row('sethostname', 170, 161),
  row('setdomainname', 171, 162),
  row('iopl', 172, null),
  row('ioperm', 173, null),
  row('modify_ldt', 154, null),
  row('syslog', 103, 116),
  row('vhangup', 153, 58),
  // parts of the kernel with a long history of holes
  row('bpf', 321, 280),
  row('perf_event_open', 298, 241),
  row('userfaultfd', 323, 282),
  row('keyctl', 250, 219),
  row('add_key', 248, 217),
  row('request_key', 249, 218),
  row('io_uring_setup', 425, 425),
  row('io_uring_enter', 426, 426),
  row('io_uring_register', 427, 427),
  row('lookup_dcookie', 212, 18),
  row('personality', 135, 92),
  row('nfsservctl', 180, 42),
  row('uselib', 134, null),
  row('ustat', 136, null),
  row('sysfs', 139, null),
  row('_sysctl', 156, null),
  row('mbind', 237, 235),
  row('set_mempolicy', 238, 237),
  row('set_mempolicy_home_node', 450, 450),
  row('migrate_pages', 256, 238),
  row('move_pages', 279, 239),
  row('remap_file_pages', 216, 234),
  row('vmsplice', 278, 75),
  // memory that no limit of the sandbox counts
  row('memfd_create', 319, 279),
  row('memfd_secret', 447, 447),
  row('shmget', 29, 194),
  row('shmat', 30, 196),
  row('shmctl', 31, 195),
  row('shmdt', 67, 197),
  row('msgget', 68, 186),
  row('msgsnd', 69, 189),
  row('msgrcv', 70, 188),
  row('msgctl', 71, 187),
  row('semget', 64, 190),
  row('semop', 65, 193),
  row('semtimedop', 220, 192),
  row('semctl', 66, 191),
  row('mq_open', 240, 180),
  row('mq_unlink', 241, 181),
  row('mq_timedsend', 242, 182),
  row('mq_timedreceive', 243, 183),
  row('mq_notify', 244, 184),
  row('mq_getsetattr', 245, 185),
  row('setxattr', 188, 5),
  row('lsetxattr', 189, 6),
  row('fsetxattr', 190, 7),
  row('setxattrat', 463, 463),
]

/** Calls that are refused by what they are asked to do. */
export const CHECKED_CALLS = {
  clone: { x64: 56, arm64: 220 },
  clone3: { x64: 435, arm64: 435 },
  socket: { x64: 41, arm64: 198 },
  socketpair: { x64: 53, arm64: 199 },
  ioctl: { x64: 16, arm64: 29 },
  mmap: { x64: 9, arm64: 222 },
  setsockopt: { x64: 54, arm64: 208 },
} as const
