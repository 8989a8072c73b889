import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/**
 * @typedef {object} Python
 * @property {string} version of the module that it was started for
 * @property {<T>(script: string, ...args: string[]) => Promise<T>} run runs a script with warnings being errors, and
 *   returns what it prints as JSON
 * @property {() => void} close
 */

/** One process for all scripts of a test file: importing takes longer than any of them. */
const LOOP = `
import contextlib, io, json, sys, traceback
imports = sys.argv[1]
for line in sys.stdin:
    script, *args = json.loads(line)
    sys.argv = ['-', *args]
    out = io.StringIO()
    names = dict(json=json, sys=sys)
    try:
        with contextlib.redirect_stdout(out):
            exec(imports, names)
            exec(script, names)
        answer = dict(out=out.getvalue())
    except Exception:
        answer = dict(error=traceback.format_exc())
    print(json.dumps(answer), flush=True)
`

/**
 * The Pythons on this machine that have a module, one per version of it. In CI there must be one.
 *
 * @param {string} module
 * @param {string} [imports] what the scripts find imported, beside `json` and `sys`
 * @returns {Promise<Python[]>}
 */
export async function findPythons(module, imports = `import ${module}`) {
  /** @type {Map<string, Python>} */
  const found = new Map()
  for (const python of ['python3', '/usr/bin/python3']) {
    const print = `import platform, ${module}; print(getattr(${module}, '__version__', platform.python_version()))`
    const version = await promisify(execFile)(python, ['-c', print]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    )
    if (version !== undefined && !found.has(version)) found.set(version, start(python, imports, version))
  }
  if (found.size === 0 && process.env['CI']) throw new Error(`CI must have a Python with ${module}`)
  return [...found.values()]
}

/**
 * @param {string} python
 * @param {string} imports
 * @param {string} version
 * @returns {Python}
 */
function start(python, imports, version) {
  const child = spawn(python, ['-W', 'error', '-c', LOOP, imports], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    version,
    run: async (...request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const answer = await answers.next()
      if (answer.done) throw new Error(`${python} ended`)
      const { out, error } = JSON.parse(answer.value)
      if (error) throw new Error(error)
      return JSON.parse(out || 'null')
    },
    close: () => void child.stdin.end(),
  }
}
