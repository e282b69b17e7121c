// node's pg: plain and with `pipeline`, names of its own and of the program, its pool, listening.
import pg from 'pg'
import {
  ACTIVE_SLEEP, CANCEL_END, check, CROWD, inTime, numbers, refused, ROUNDS, run, same, seen, WORKERS
} from './report.mjs'

// pg takes the address from the environment.
async function connections(count, body, settings = {}) {
  const crowd = numbers(count).map(() => new pg.Client(settings))
  for (const one of crowd) one.on('error', () => {})
  try {
    for (const one of crowd) await one.connect()
    return await body(...crowd)
  } finally {
    for (const one of crowd) one.connection.stream.destroy()
  }
}

// The rows as arrays.
async function rows(client, text, values, more = {}) {
  return (await client.query({ text, values, rowMode: 'array', ...more })).rows
}

check('values', () => connections(1, async (one) => {
  const moment = new Date('2024-02-29T12:30:00Z')
  const row = [7, '1099511627776', 'Grüße ☂', Buffer.from([0, 255]), '1.50', moment, null, true,
    [1, null], 0.1, { a: [1] }]
  same(await rows(one, 'SELECT $1::int, $2::bigint, $3::text, $4::bytea, $5::numeric, ' +
    '$6::timestamptz, $7::text, $8::bool, $9::int[], $10::float8, $11::jsonb', row), [row])
  same((await one.query('SELECT 1 AS a; SELECT 2 AS b')).map((result) => result.rows),
    [[{ a: 1 }], [{ b: 2 }]])
}))

check('large values', () => connections(1, async (one) => {
  const text = '☂x'.repeat(1_000_000)
  same(await rows(one, 'SELECT $1::text', [text]), [[text]])
}))

check('errors', () => connections(1, async (one) => {
  for (let i = 0; i < 3; i++) {
    await refused('22012', one.query('SELECT 1/0'))
    await refused('22012', one.query('SELECT 1/$1::int', [0]))
    await refused('42601', one.query('SELEKT $1', [1]))
    same(await rows(one, 'SELECT 7'), [[7]])
  }
}))

check('transaction', () => connections(2, async (one, other) => {
  await one.query('CREATE TABLE kept (n int)')
  for (const end of ['ROLLBACK', 'COMMIT']) {
    await one.query('BEGIN')
    await one.query('INSERT INTO kept VALUES ($1)', [1])
    await one.query('SAVEPOINT before')
    await refused('22012', one.query('SELECT 1/0'))
    await refused('25P02', one.query('SELECT 1'))
    await one.query('ROLLBACK TO before')
    same(await rows(one, 'SELECT n FROM kept'), [[1]])
    same(await rows(other, 'SELECT n FROM kept'), [])
    await one.query(end)
  }
  same(await rows(other, 'SELECT n FROM kept'), [[1]])
}))

// Each with a text of its own: another one's statement would be a wrong answer.
async function allAtOnce(crowd, more = {}) {
  await Promise.all(crowd.map(async (one, i) => {
    for (const turn of numbers(ROUNDS)) {
      same(await rows(one, `SELECT ${i}, $1::text`, [`turn ${turn}`], more), [[i, `turn ${turn}`]])
    }
  }))
}

check('unnamed statements', () => connections(CROWD, (...crowd) => allAtOnce(crowd)))

// The same name for another text in every session.
check('named statements', () => connections(CROWD, async (...crowd) => {
  const ask = (one, i) => rows(one, `SELECT ${i} + $1::int`, [100], { name: 'own' })
  for (const [i, one] of crowd.entries()) same(await ask(one, i), [[100 + i]])
  for (const [i, one] of crowd.entries()) same(await ask(one, i), [[100 + i]])
  await allAtOnce(crowd, { name: 'another' })
}))

// A row limit: the portal is executed again and again, with a Flush in between.
check('row limit', () => connections(1, async (one) => {
  await one.query('BEGIN')
  same((await rows(one, 'SELECT generate_series(1, $1::int)', [100], { rows: 7 })).length, 100)
  await one.query('COMMIT')
}))

check('pipeline', () => connections(2, async (...crowd) => {
  await Promise.all(crowd.map(async (one, i) => {
    same(await Promise.all(numbers(100).map((n) => rows(one, 'SELECT $1::int', [n * 10 + i]))),
      numbers(100).map((n) => [[n * 10 + i]]))
    const asked = [rows(one, 'SELECT 1'), one.query('SELECT 1/$1::int', [0]), rows(one, 'SELECT 3')]
    const came = await Promise.allSettled(asked)
    same(came.map((one) => one.value ?? one.reason.code), [[[1]], '22012', [[3]]])
  }))
}, { pipeline: true }))

check('pipeline of transactions', () => connections(2, async (one, other) => {
  await one.query('CREATE TABLE piped (n int)')
  const work = (client) => Promise.all(numbers(10).flatMap((n) => [
    client.query('BEGIN'), client.query('INSERT INTO piped VALUES ($1)', [n]),
    client.query(n % 2 ? 'COMMIT' : 'ROLLBACK')]))
  await Promise.all([work(one), work(other)])
  same(await rows(one, 'SELECT count(*)::int, sum(n)::int FROM piped'), [[10, 50]])
}, { pipeline: true }))

check('cancel', () => connections(2, async (one, other) => {
  for (let i = 0; i < 3; i++) {
    const asleep = new pg.Query('SELECT pg_sleep(20)')
    const ended = new Promise((resolve, reject) => {
      asleep.on('error', reject)
      asleep.on('end', resolve)
    })
    one.query(asleep)
    await seen(() => rows(other, ACTIVE_SLEEP))
    const canceller = new pg.Client()
    const cancelled = new Promise((resolve) => canceller.connection.once('end', resolve))
    canceller.cancel(one, asleep)
    await refused('57014', ended)
    await inTime(cancelled, CANCEL_END)
    same(await rows(one, 'SELECT 7'), [[7]])
  }
}))

check('concurrency', async () => {
  const pool = new pg.Pool({ max: WORKERS })
  await pool.query('CREATE TABLE done (worker int)')
  await Promise.all(numbers(WORKERS).map(async (worker) => {
    for (const turn of numbers(ROUNDS)) {
      const own = await pool.connect()
      await own.query('BEGIN')
      await own.query('INSERT INTO done VALUES ($1)', [worker])
      same(await rows(own, 'SELECT $1::int', [worker * 1000 + turn]), [[worker * 1000 + turn]])
      await own.query('COMMIT')
      own.release()
    }
  }))
  same(await rows(pool, 'SELECT count(*)::int FROM done'), [[WORKERS * ROUNDS]])
  await pool.end()
})

check('startup settings', () => connections(1, async (one) => {
  same(await rows(one, 'SHOW statement_timeout'), [['12345ms']])
  same(await rows(one, 'SHOW search_path'), [['one']])
}, { statement_timeout: 12345, options: '-c search_path=one' }))

check('listen', () => connections(2, async (one, other) => {
  const came = new Promise((resolve) => one.on('notification', resolve))
  await one.query('LISTEN news')
  await other.query("NOTIFY news, 'hello'")
  same((await inTime(came, 'the notification')).payload, 'hello')
}))

check('other settings', () => connections(CROWD, async (...crowd) => {
  for (const [i, one] of crowd.entries()) await one.query(`SET work_mem = '${1000 + i}kB'`)
  for (const [i, one] of crowd.entries()) {
    same(await rows(one, 'SHOW work_mem'), [[`${1000 + i}kB`]])
  }
}))

await run('node pg', 'pg')
