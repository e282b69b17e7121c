# ActiveRecord over pg: prepares by itself (a1, a2, ...), sets what it wants in each new session,
# takes an advisory lock around migrations.

require 'active_record'
require_relative 'report'

ADDRESS = { adapter: 'postgresql', host: ENV['PGHOST'], port: ENV['PGPORT'],
            username: ENV['PGUSER'], password: ENV['PGPASSWORD'], database: ENV['PGDATABASE'],
            pool: WORKERS }.freeze
ActiveRecord::Migration.verbose = false

class Author < ActiveRecord::Base
  has_many :books, dependent: :destroy
end

class Book < ActiveRecord::Base
  belongs_to :author
end

# What happens over this address, from empty tables on.
def connected_with(**settings)
  ActiveRecord::Base.establish_connection(**ADDRESS, prepared_statements: false, **settings)
  ActiveRecord::Schema.define do
    create_table(:authors, force: true) { |table| table.text :name, index: { unique: true } }
    create_table :books, force: true do |table|
      table.references :author
      table.text :title
      table.text :tags, array: true
      table.jsonb :more
      table.datetime :printed
    end
  end
  yield ActiveRecord::Base.connection
ensure
  ActiveRecord::Base.remove_connection
end

def sqlstate_of(error)
  error.cause&.result&.error_field(PG::Result::PG_DIAG_SQLSTATE)
end

check 'values' do
  connected_with do
    moment = Time.utc(2024, 2, 29, 12, 30)
    book = { title: 'one', tags: %w[a b], more: { 'a' => [1] }, printed: moment }
    Author.create!(name: 'Grüße ☂').books.create!(book)
    found = Author.includes(:books).find_by(name: 'Grüße ☂').books.first
    same([found.title, found.tags, found.more, found.printed.to_time.utc], book.values)
  end
end

check 'errors' do
  connected_with do |connection|
    Author.create!(name: 'once')
    3.times do
      begin
        Author.create!(name: 'once')
        raise 'no error 23505'
      rescue ActiveRecord::RecordNotUnique => error
        same(sqlstate_of(error), '23505')
      end
      same(connection.select_value('SELECT 7'), 7)
    end
  end
end

check 'transaction' do
  connected_with do
    Author.transaction(isolation: :serializable) do
      Author.create!(name: 'kept')
      begin
        Author.transaction(requires_new: true) { Author.create!(name: 'kept') }
      rescue ActiveRecord::RecordNotUnique
        nil
      end
      same(Thread.new { Author.connection_pool.with_connection { Author.count } }.value, 0)
    end
    same(Author.lock.pluck(:name), ['kept'])
  end
end

def found_by_name
  10.times { |i| Author.create!(name: "author #{i}") }
  (ROUNDS * 3).times { |i| same(Author.find_by(name: "author #{i % 10}").name, "author #{i % 10}") }
end

check('unnamed statements') { connected_with { found_by_name } }
check('statement cache') { connected_with(prepared_statements: true) { found_by_name } }

check 'batch' do
  connected_with do
    Author.insert_all!(Array.new(500) { |i| { name: "author #{i}" } })
    same(Author.find_each(batch_size: 70).count, 500)
  end
end

def worked
  each_worker do |worker|
    Author.connection_pool.with_connection do
      ROUNDS.times do |turn|
        Author.transaction do
          Author.create!(name: "#{worker}/#{turn}")
          same(Author.where('name LIKE ?', "#{worker}/%").count, turn + 1)
        end
      end
    end
  end
  same(Author.count, WORKERS * ROUNDS)
end

check('concurrency') { connected_with { worked } }

# A pool's thread makes and keeps what another one made: all names in all sessions.
check('concurrency of named statements') { connected_with(prepared_statements: true) { worked } }

# The lock is the session's: what took it must be what lets it go, though another one took the
# server meanwhile.
check 'migrations' do
  connected_with do |connection|
    other = PG.connect(host: ENV['PGHOST'])
    migration = Class.new(ActiveRecord::Migration[6.1]) do
      disable_ddl_transaction!
      define_method(:change) do
        create_table(:migrated)
        other.exec('BEGIN')
        other.exec('SELECT 1')
      end
    end
    proxy = ActiveRecord::MigrationProxy.new('Made', 1, 'made.rb', '')
    proxy.instance_variable_set(:@migration, migration.new('Made', 1))
    ActiveRecord::Migrator.new(:up, [proxy], ActiveRecord::SchemaMigration).migrate
    same(connection.table_exists?(:migrated), true)
    other.close
    same(connection.select_value('SELECT count(*) FROM pg_locks JOIN pg_database d ON database = ' \
                                 "d.oid WHERE locktype = 'advisory' AND datname = " \
                                 'current_database()'), 0)
  end
end

check 'other settings' do
  connected_with(variables: { work_mem: '1234kB' }, schema_search_path: 'public') do |connection|
    other = PG.connect(host: ENV['PGHOST'])
    other.exec("SET work_mem = '4MB'")
    same(connection.select_value('SHOW work_mem'), '1234kB')
    other.close
  end
end

run('ActiveRecord', ActiveRecord.version)
