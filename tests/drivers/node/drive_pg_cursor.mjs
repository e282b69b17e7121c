// pg-cursor: a portal that is read in parts, with a Flush between them and the Sync at the end.
import Cursor from 'pg-cursor'
import { connections } from './pg_crowd.mjs'
import { check, numbers, refused, run, same, WORKERS } from './report.mjs'

async function readAll(cursor, part) {
  const found = []
  for (let rows = await cursor.read(part); rows.length > 0; rows = await cursor.read(part)) {
    found.push(...rows.map((row) => row.n))
  }
  return found
}

const wanted = numbers(100).map((i) => i + 1)
const series = 'SELECT generate_series(1, $1::int) AS n'

check('server-side cursor', () => connections(1, async (one) => {
  await one.query('BEGIN')
  same(await readAll(one.query(new Cursor(series, [100])), 7), wanted)
  same((await one.query('SELECT 7 AS n')).rows, [{ n: 7 }])
  await one.query('COMMIT')
}))

// Outside of a transaction it is the Sync still to come that holds the server.
check('cursor without a transaction', () => connections(1, async (one) => {
  same(await readAll(one.query(new Cursor(series, [100])), 7), wanted)
  same((await one.query('SELECT 7 AS n')).rows, [{ n: 7 }])
}))

check('cursor closed early', () => connections(1, async (one) => {
  for (let i = 0; i < 3; i++) {
    const cursor = one.query(new Cursor(series, [100]))
    same((await cursor.read(3)).length, 3)
    await cursor.close()
    same((await one.query('SELECT 7 AS n')).rows, [{ n: 7 }])
  }
}))

check('errors', () => connections(1, async (one) => {
  const cursor = one.query(new Cursor('SELECT 1/(n - 10) FROM generate_series(1, 20) n'))
  same((await cursor.read(5)).length, 5)
  await refused('22012', cursor.read(10))
  same((await one.query('SELECT 7 AS n')).rows, [{ n: 7 }])
}))

check('concurrency', () => connections(WORKERS, (...crowd) => Promise.all(
  crowd.map(async (one, i) => {
    const cursor = one.query(new Cursor(`SELECT ${i} AS n FROM generate_series(1, 50)`))
    same(await readAll(cursor, 7), numbers(50).map(() => i))
    await cursor.close()
  }))))

await run('pg-cursor', 'pg-cursor')
