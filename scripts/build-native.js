// Compiles native/ into native/build/village.node with the C++ compiler at hand. It is the install script of
// the package, so it runs on the machine's own Node (20 or newer) and never fails an install: without a
// compiler the TypeScript reference in node/compute/reference/ does the same work slower. A package brings
// kernels for some platforms along in native/prebuilt/; where they load, nothing is compiled.
//
// usage: node scripts/build-native.js [--force]
//        node scripts/build-native.js --prebuilt linux-x64|linux-arm64
//          makes native/prebuilt/PLATFORM/village.node, with the cross compiler for another processor than this one,
//          and fails where it cannot
//        $CXX names the compiler, VILLAGE_NATIVE=off skips the build
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = join(root, 'native')
const buildDir = join(sources, 'build')
const addon = join(buildDir, 'village.node')
const stamp = join(buildDir, 'village.stamp')

/** Compiled once a SIMD level; everything else once. */
const BY_LEVEL = [
  'seedlm_search.cc',
  'seedlm_decode.cc',
  'blockwise_encode.cc',
  'trellis_encode.cc',
  'vptq_encode.cc',
  'vptq_train.cc',
  'moments_level.cc',
  'half_dot_level.cc',
]
/** Namespace, lanes of 32 bits, flags. Levels above the baseline are chosen at run time. */
const BASELINE = { name: 'baseline', lanes: 4, flags: [] }
const X64_LEVELS = [
  { name: 'avx2', lanes: 8, flags: ['-mavx2', '-mf16c'] },
  {
    name: 'avx512',
    lanes: 16,
    flags: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mprefer-vector-width=512'],
  },
]
/** Compilers for another processor than this machine's, as Debian and its relatives name them. */
const CROSS_COMPILERS = { 'linux-x64': 'x86_64-linux-gnu-g++', 'linux-arm64': 'aarch64-linux-gnu-g++' }

/** @param {string} arch */
const levelsOf = (arch) => (arch === 'x64' ? [BASELINE, ...X64_LEVELS] : [BASELINE])

function compileFlags() {
  const require = createRequire(import.meta.url)
  const apiHeaders = join(dirname(require.resolve('node-api-headers/package.json')), 'include')
  const addonApi = dirname(require.resolve('node-addon-api/package.json'))
  return [
    '-std=c++17',
    '-O3',
    '-fPIC',
    '-fvisibility=hidden',
    // The bytes must not depend on the machine: no fused multiply-add, no reordered sums.
    '-ffp-contract=off',
    '-fno-fast-math',
    // Square roots are one instruction; nobody reads errno.
    '-fno-math-errno',
    '-fno-exceptions',
    '-Wall',
    '-Wextra',
    '-Wno-psabi',
    '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
    '-DNAPI_VERSION=8',
    '-DNODE_GYP_MODULE_NAME=village',
    '-isystem',
    apiHeaders,
    '-isystem',
    addonApi,
  ]
}

function linkFlags() {
  return process.platform === 'darwin'
    ? ['-bundle', '-undefined', 'dynamic_lookup']
    : ['-shared', '-static-libgcc']
}

/** Equal sources give equal bytes, whatever folder they lie in. */
const PREBUILT_LINK_FLAGS = ['-s', '-Wl,--build-id=none']

/** The first C++ compiler that answers, as a command and its leading arguments. */
function findCompiler() {
  const named = (process.env.CXX ?? '').split(' ').filter((word) => word !== '')
  const candidates = named.length > 0 ? [named] : [['g++'], ['clang++'], ['c++']]
  return candidates.find(
    ([command, ...args]) =>
      spawnSync(command ?? '', [...args, '--version'], { stdio: 'ignore' }).status === 0,
  )
}

/** @param {string} file @returns {string | null} why this machine cannot load it */
function loadProblem(file) {
  const check = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', file], { encoding: 'utf8' })
  return check.status === 0 ? null : check.stderr || `the addon does not load (exit code ${check.status})`
}

/** @param {string[]} compiler @param {string[]} flags @param {string[]} link @param {{ name: string }[]} levels */
function fingerprint(compiler, flags, link, levels) {
  const hash = createHash('sha256')
  const files = readdirSync(sources).filter((file) => /\.(cc|h)$/.test(file))
  for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(join(sources, file)))
  const relative = flags.map((flag) => flag.replace(root, ''))
  hash.update(JSON.stringify([process.platform, process.arch, compiler, relative, link, levels]))
  return hash.digest('hex')
}

/**
 * @param {string[]} compiler @param {string[]} args @returns {Promise<string | null>} what the compiler said
 * if it failed
 */
function runCompiler([command = '', ...leading], args) {
  return new Promise((resolve) => {
    const child = spawn(command, [...leading, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code) => resolve(code === 0 ? null : output || `exit code ${code}`))
  })
}

/**
 * @typedef {{ compiler: string[], flags: string[], link: string[],
 *   levels: { name: string, lanes: number, flags: string[] }[], checked: boolean }} Build
 * `checked`: this machine can load what comes out.
 * @param {Build} build @param {string} objects @param {string} target @returns {Promise<string | null>} what failed
 */
async function compileAll({ compiler, flags, link, levels, checked }, objects, target) {
  const units = readdirSync(sources)
    .filter((file) => file.endsWith('.cc'))
    .flatMap((file) =>
      BY_LEVEL.includes(file)
        ? levels.map((level) => ({
            object: join(objects, `${file}.${level.name}.o`),
            args: [`-DVILLAGE_LEVEL=${level.name}`, `-DVILLAGE_LANES=${level.lanes}`, ...level.flags],
            file,
          }))
        : [{ object: join(objects, `${file}.o`), args: [], file }],
    )
  const queue = [...units]
  /** @type {string | null} */
  let failure = null
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), 4) }, async () => {
      for (let unit = queue.shift(); unit !== undefined && failure === null; unit = queue.shift()) {
        const source = join(sources, unit.file)
        const said = await runCompiler(compiler, [...flags, ...unit.args, '-c', source, '-o', unit.object])
        failure ??= said
      }
    }),
  )
  if (failure !== null) return failure
  const linked = join(objects, 'village.node')
  failure = await runCompiler(compiler, [...link, ...units.map((unit) => unit.object), '-o', linked])
  if (failure !== null) return failure
  // A file that loads is the only proof that it can be used; it is renamed into place whole.
  const problem = checked ? loadProblem(linked) : null
  if (problem !== null) return problem
  renameSync(linked, target)
  return null
}

/** @param {string} output */
function firstError(output) {
  const lines = output.trim().split('\n')
  return lines.find((line) => /error/i.test(line)) ?? lines[0]
}

/** @param {string} why */
function useReference(why) {
  rmSync(addon, { force: true })
  rmSync(stamp, { force: true })
  console.warn(
    `village: native kernels were not built (${why}); the slower TypeScript reference is used instead.`,
  )
}

/** @param {Build} build @param {string} folder @param {boolean} force @returns {Promise<string | null>} what failed */
async function buildInto(build, folder, force) {
  const wanted = fingerprint(build.compiler, build.flags, build.link, build.levels)
  const target = join(folder, 'village.node')
  const stamp = join(folder, 'village.stamp')
  if (!force && existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return null
  const objects = join(folder, `objects-${process.pid}`)
  mkdirSync(objects, { recursive: true })
  try {
    const failure = await compileAll(build, objects, target)
    if (failure === null) {
      writeFileSync(stamp, wanted)
      console.log(`village: native kernels built${folder === buildDir ? '' : ` in ${folder}`}`)
    }
    return failure
  } finally {
    rmSync(objects, { recursive: true, force: true })
  }
}

/** @param {string} platform @param {boolean} force */
async function prebuild(platform, force) {
  const cross = CROSS_COMPILERS[/** @type {keyof typeof CROSS_COMPILERS} */ (platform)]
  if (cross === undefined)
    throw new Error(`--prebuilt takes ${Object.keys(CROSS_COMPILERS).join(' or ')}, not ${platform}`)
  const here = platform === `${process.platform}-${process.arch}`
  const compiler = here ? findCompiler() : [cross]
  if (compiler === undefined) throw new Error('no C++ compiler was found: install g++, or set CXX')
  const build = {
    compiler,
    flags: compileFlags(),
    link: ['-shared', '-static-libgcc', ...PREBUILT_LINK_FLAGS],
    levels: levelsOf(platform.slice('linux-'.length)),
    checked: here,
  }
  const failure = await buildInto(build, join(sources, 'prebuilt', platform), force)
  if (failure !== null) throw new Error(`${compiler.join(' ')} failed: ${firstError(failure)}`)
}

async function install() {
  if (process.env.VILLAGE_NATIVE === 'off') return useReference('VILLAGE_NATIVE is off')
  if (process.platform === 'win32') return useReference('Windows is not supported yet')
  const force = process.argv.includes('--force')
  const prebuilt = join(sources, 'prebuilt', `${process.platform}-${process.arch}`, 'village.node')
  // A clone always compiles: its sources may be ahead of what was made for a package once.
  const packaged = !existsSync(join(root, 'node', 'main.ts'))
  if (packaged && !force && existsSync(prebuilt) && loadProblem(prebuilt) === null) return
  const compiler = findCompiler()
  if (compiler === undefined)
    return useReference('no C++ compiler was found: install g++ or clang++, or set CXX')
  const build = {
    compiler,
    flags: compileFlags(),
    link: linkFlags(),
    levels: levelsOf(process.arch),
    checked: true,
  }
  const failure = await buildInto(build, buildDir, force)
  if (failure !== null) useReference(`${compiler.join(' ')} failed: ${firstError(failure)}`)
}

const asked = process.argv.indexOf('--prebuilt')
if (asked >= 0)
  prebuild(process.argv[asked + 1] ?? '', process.argv.includes('--force')).catch((error) => {
    console.error(`village: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  })
else install().catch((error) => useReference(error instanceof Error ? error.message : String(error)))
