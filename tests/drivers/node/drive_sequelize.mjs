// sequelize over pg: models, managed transactions, what it sets in each new connection.
import sequelizeAll from 'sequelize'
import { check, numbers, refused, ROUNDS, run, same, WORKERS } from './report.mjs'

const { DataTypes, Op, QueryTypes, Sequelize, Transaction } = sequelizeAll
const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = process.env

function using(settings = {}) {
  return new Sequelize(PGDATABASE, PGUSER, PGPASSWORD, {
    dialect: 'postgres', host: PGHOST, port: PGPORT, logging: false, pool: { max: WORKERS },
    ...settings
  })
}

const sequelize = using()
const Author = sequelize.define('author', { name: { type: DataTypes.TEXT, unique: true } })
const Book = sequelize.define('book', {
  title: DataTypes.TEXT, tags: DataTypes.ARRAY(DataTypes.TEXT), more: DataTypes.JSONB,
  printed: DataTypes.DATE, mood: DataTypes.ENUM('glad', 'sad')
})
Author.hasMany(Book)

const emptied = () => sequelize.sync({ force: true })

check('values', async () => {
  await emptied()
  const book = {
    title: 'one', tags: ['a', 'b'], more: { a: [1] }, printed: new Date('2024-02-29T12:30:00Z'),
    mood: 'sad'
  }
  await Author.create({ name: 'Grüße ☂', books: [book] }, { include: Book })
  const found = await Author.findOne({ where: { name: { [Op.like]: 'Gr%' } }, include: Book })
  const { title, tags, more, printed, mood } = found.books[0]
  same({ title, tags, more, printed, mood }, book)
})

check('errors', async () => {
  await emptied()
  for (let i = 0; i < 3; i++) {
    await refused('23505', Author.bulkCreate([{ name: 'twice' }, { name: 'twice' }]))
    await refused('22012', sequelize.query('SELECT 1/$1::int', { bind: [0] }))
    same(await Author.count(), 0)
  }
})

check('transaction', async () => {
  await emptied()
  await sequelize.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE },
    async (transaction) => {
      await Author.create({ name: 'kept' }, { transaction })
      await refused('23505', sequelize.transaction({ transaction }, (deeper) =>
        Author.create({ name: 'kept' }, { transaction: deeper })))
      same(await Author.count(), 0)
    })
  same(await Author.count(), 1)
})

check('batch', async () => {
  await emptied()
  await Author.bulkCreate(numbers(500).map((i) => ({ name: `author ${i}` })))
  same(await Author.count(), 500)
})

check('concurrency', async () => {
  await emptied()
  await Promise.all(numbers(WORKERS).map(async (worker) => {
    for (const turn of numbers(ROUNDS)) {
      await sequelize.transaction(async (transaction) => {
        await Author.create({ name: `${worker}/${turn}` }, { transaction })
        same(await sequelize.query('SELECT $1::int AS n',
          { bind: [worker * 1000 + turn], type: QueryTypes.SELECT, transaction }),
        [{ n: worker * 1000 + turn }])
      })
    }
  }))
  same(await Author.count(), WORKERS * ROUNDS)
})

// It sets the time zone and the messages it wants in every new connection.
check('reported settings', async () => {
  for (const timezone of ['+02:00', '-05:00']) {
    const own = using({ timezone })
    await own.query('CREATE TABLE IF NOT EXISTS moments (t timestamptz)')
    const rows = await own.query("SELECT '2024-02-29 12:00Z'::timestamptz::text AS t",
      { type: QueryTypes.SELECT })
    same(rows, [{ t: timezone === '+02:00' ? '2024-02-29 14:00:00+02' : '2024-02-29 07:00:00-05' }])
    await own.close()
  }
})

await run('sequelize', 'sequelize')
