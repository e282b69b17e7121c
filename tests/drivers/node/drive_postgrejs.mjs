// postgrejs: names S_1, S_2, ... in every session, a cursor that is a portal, its own pool. Its
// cancel() is not written yet.
import { Connection, Pool } from 'postgrejs'
import { check, CROWD, inTime, numbers, refused, ROUNDS, run, same, WORKERS } from './report.mjs'

const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = process.env
const address = {
  host: PGHOST, port: Number(PGPORT), user: PGUSER, password: PGPASSWORD, database: PGDATABASE
}

async function connections(count, body) {
  const crowd = numbers(count).map(() => new Connection(address))
  try {
    for (const one of crowd) await one.connect()
    return await body(...crowd)
  } finally {
    for (const one of crowd) await one.close(0)
  }
}

async function rows(one, sql, params) {
  return (await one.query(sql, { params, fetchCount: 1000 })).rows
}

check('values', () => connections(1, async (one) => {
  const moment = new Date('2024-02-29T12:30:00Z')
  same(await rows(one, "SELECT $1::int, $2::text, $3::bool, '\\x00ff'::bytea, 1::int8, NULL, " +
    "ARRAY[1, 2], '2024-02-29 12:30Z'::timestamptz, 0.5::float8", [7, 'Grüße ☂', true]),
  [[7, 'Grüße ☂', true, Buffer.from([0, 255]), 1, null, [1, 2], moment, 0.5]])
}))

check('simple protocol', () => connections(1, async (one) => {
  const { results } = await one.execute('SELECT 1; SELECT 2')
  same(results.map((result) => result.rows), [[[1]], [[2]]])
}))

check('errors', () => connections(1, async (one) => {
  for (let i = 0; i < 3; i++) {
    await refused('22012', one.query('SELECT 1/$1::int', { params: [0] }))
    await refused('42601', one.query('SELEKT'))
    // Not execute(): the ReadyForQuery of what failed would now and then end it, with PostgreSQL
    // itself as well.
    same(await rows(one, 'SELECT $1::int', [7]), [[7]])
  }
}))

check('transaction', () => connections(2, async (one, other) => {
  await one.execute('CREATE TABLE kept (n int)')
  for (const end of ['rollback', 'commit']) {
    await one.startTransaction()
    await one.execute('INSERT INTO kept VALUES (1)')
    await one.savepoint('before')
    await refused('22012', one.execute('SELECT 1/0'))
    await one.rollbackToSavepoint('before')
    same((await other.execute('SELECT n FROM kept')).results[0].rows, [])
    await one[end]()
  }
  same((await other.execute('SELECT n FROM kept')).results[0].rows, [[1]])
}))

check('named statements', () => connections(CROWD, async (...crowd) => {
  const prepared = []
  for (const [i, one] of crowd.entries()) prepared.push(await one.prepare(`SELECT ${i} + $1::int`))
  for (const turn of numbers(ROUNDS)) {
    for (const [i, statement] of prepared.entries()) {
      same((await statement.execute({ params: [100 * turn] })).rows, [[i + 100 * turn]])
    }
  }
}))

check('server-side cursor', () => connections(1, async (one) => {
  await one.startTransaction()
  const { cursor } = await one.query('SELECT generate_series(1, 1000)', { cursor: true, fetchCount: 70 })
  const found = []
  for (let row = await cursor.next(); row; row = await cursor.next()) found.push(row[0])
  await cursor.close()
  await one.commit()
  same(found, numbers(1000).map((i) => i + 1))
}))

check('concurrency', async () => {
  const pool = new Pool({ ...address, max: WORKERS })
  await pool.execute('CREATE TABLE done (worker int)')
  await Promise.all(numbers(WORKERS).map(async (worker) => {
    for (const turn of numbers(ROUNDS)) {
      same(await rows(pool, 'SELECT $1::int', [worker * 1000 + turn]), [[worker * 1000 + turn]])
      await pool.query('INSERT INTO done VALUES ($1)', { params: [worker] })
    }
  }))
  same((await pool.execute('SELECT count(*)::int FROM done')).results[0].rows, [[WORKERS * ROUNDS]])
  await pool.close(0)
})

check('listen', () => connections(2, async (one, other) => {
  let tell
  const came = new Promise((resolve) => { tell = resolve })
  await one.listen('news', tell)
  await other.execute("NOTIFY news, 'hello'")
  same((await inTime(came, 'the notification')).payload, 'hello')
}))

await run('postgrejs', 'postgrejs')
