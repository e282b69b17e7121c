// How a driver's script for node tells what it found: as python/report.py, which says more.
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'

// So many at the same time, each more than any pool has servers: workers, and connections that
// take turns.
export const WORKERS = 20
export const CROWD = 8
export const ROUNDS = 10
// How long something that will come may take; whatever waits for it fails after that.
const MILLISECONDS_MAX = 3000
const CHECK_MILLISECONDS_MAX = 20000

const checks = new Map()

export function check(name, body) {
  checks.set(name, body)
}

export async function run(driver, packageName) {
  const { version } = JSON.parse(readFileSync(
    new URL(`node_modules/${packageName}/package.json`, import.meta.url)))
  console.log(`driver ${driver} ${version}`)
  const only = process.env.PGWEIR_CHECK
  // What a driver asks for itself may fail with nobody waiting for it, and late: the check that it
  // belongs to fails by what it does wait for.
  process.on('unhandledRejection', () => {})
  for (const [name, body] of checks) {
    if (only && only !== name) continue
    console.log(`run ${name}`)
    try {
      await inTime(body(), 'the end', CHECK_MILLISECONDS_MAX)
      console.log(`ok ${name}`)
    } catch (error) {
      console.log(`not ok ${name}: ${oneLine(error)}`)
    }
  }
  process.exit(0)
}

// The whole chain of causes: libraries over a driver hide its message in there.
function oneLine(error) {
  const causes = []
  for (let one = error; one; one = one.cause) causes.push(`${one.code ?? ''} ${one.message ?? one}`)
  const place = String(error?.stack).match(/drive_\w+\.mjs:\d+/)
  return `${causes.join(' because ')} (${place?.[0] ?? path.basename(process.argv[1])})`
    .replace(/\s+/g, ' ').trim()
}

// Equal, and of the same type: 1 is not '1'.
export function same(found, wanted) {
  try {
    assert.deepStrictEqual(found, wanted)
  } catch (error) {
    error.message = `${inspect(found)} came, not ${inspect(wanted)}`
    throw error
  }
}

// It fails, with this SQLSTATE.
export async function refused(sqlstate, promise) {
  const error = await promise.then(() => new Error(`no error ${sqlstate}`), (error) => error)
  if ((error.code ?? error.cause?.code ?? error.original?.code) !== sqlstate) throw error
}

export async function inTime(promise, what, milliseconds = MILLISECONDS_MAX) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

// Until the query, asked of another connection, has an answer that is not empty.
export async function seen(ask) {
  const deadline = Date.now() + 5 * MILLISECONDS_MAX
  while ((await ask()).length === 0) {
    if (Date.now() > deadline) throw new Error('the statement to be cancelled does not run')
  }
}

export const ACTIVE_SLEEP =
  "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() " +
  "AND datname = current_database() AND query LIKE '%pg_sleep%'"

// PostgreSQL signals twice for one request (the process, then its group), and ends the request's
// connection when it has: before that the second may still hit the next statement.
export const CANCEL_END = 'the end of the cancel request'

export function numbers(count) {
  return Array.from({ length: count }, (_, i) => i)
}
