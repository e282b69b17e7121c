# Ruby's pg: typed results, names, pipelines, COPY, cancel, notifications.

require 'pg'
require 'bigdecimal'
require_relative 'report'

# The rest of the address comes from the environment.
def connections(count, settings = '')
  crowd = Array.new(count) { PG.connect("host=#{ENV['PGHOST']} #{settings}") }
  crowd.each { |one| one.type_map_for_results = PG::BasicTypeMapForResults.new(one) }
  yield(*crowd)
ensure
  crowd&.each(&:close)
end

# The only row.
def ask(one, sql, parameters = [])
  one.exec_params(sql, parameters).values.first
end

def refused(sqlstate)
  yield
rescue PG::Error => error
  code = error.result&.error_field(PG::Result::PG_DIAG_SQLSTATE)
  raise unless code == sqlstate
else
  raise "no error #{sqlstate}"
end

check 'values' do
  connections(1) do |one|
    same(ask(one, 'SELECT $1::int, $2::bigint, $3::text, $4::numeric, NULL, $5::bool, $6::float8, ' \
                  '$7::int[]', [7, 1 << 40, 'Grüße ☂', '1.50', true, 0.5, '{1,2}']),
         [7, 1 << 40, 'Grüße ☂', BigDecimal('1.50'), nil, true, 0.5, [1, 2]])
    text = '☂x' * 1_000_000
    same(ask(one, 'SELECT $1::text', [text]), [text])
  end
end

check 'errors' do
  connections(1) do |one|
    3.times do
      refused('22012') { ask(one, 'SELECT 1/$1::int', [0]) }
      refused('42601') { one.exec('SELEKT') }
      same(ask(one, 'SELECT 7'), [7])
    end
  end
end

check 'transaction' do
  connections(2) do |one, other|
    one.exec('CREATE TABLE kept (n int)')
    one.transaction do
      one.exec('INSERT INTO kept VALUES (1)')
      one.exec('SAVEPOINT before')
      refused('22012') { one.exec('SELECT 1/0') }
      refused('25P02') { one.exec('SELECT 1') }
      one.exec('ROLLBACK TO before')
      same(ask(other, 'SELECT count(*) FROM kept'), [0])
    end
    same(ask(other, 'SELECT count(*) FROM kept'), [1])
  end
end

check 'unnamed statements' do
  connections(CROWD) do |*crowd|
    ROUNDS.times do |turn|
      crowd.each_with_index do |one, i|
        same(ask(one, "SELECT #{i}, $1::text", ["turn #{turn}"]), [i, "turn #{turn}"])
      end
    end
  end
end

# The same name for another text in every session.
check 'named statements' do
  connections(CROWD) do |*crowd|
    crowd.each_with_index { |one, i| one.prepare('own', "SELECT #{i}, $1::text") }
    ROUNDS.times do |turn|
      crowd.each_with_index do |one, i|
        same(one.exec_prepared('own', ["turn #{turn}"]).values, [[i, "turn #{turn}"]])
      end
    end
    same(crowd[3].describe_prepared('own').nfields, 2)
    crowd[0].exec('DEALLOCATE own')
    same(crowd[1].exec_prepared('own', ['x']).values, [[1, 'x']])
  end
end

check 'pipeline' do
  connections(1) do |one|
    one.enter_pipeline_mode
    100.times { |i| one.send_query_params("SELECT #{i}, $1::int", [i]) }
    one.send_query_params('SELECT 1/$1::int', [0])
    one.pipeline_sync
    100.times do |i|
      same(one.get_result.values, [[i, i]])
      same(one.get_result, nil)
    end
    same(one.get_result.error_field(PG::Result::PG_DIAG_SQLSTATE), '22012')
    same(one.get_result, nil)
    same(one.get_result.result_status, PG::PGRES_PIPELINE_SYNC)
    one.exit_pipeline_mode
    same(ask(one, 'SELECT 7'), [7])
  end
end

# Rows one by one, while they come.
check 'single rows' do
  connections(1) do |one|
    one.send_query('SELECT generate_series(1, 1000)')
    one.set_single_row_mode
    found = []
    one.get_result.stream_each_row { |row| found << row[0] }
    same(one.get_result, nil)
    same(found, (1..1000).to_a)
  end
end

check 'copy in' do
  connections(1) do |one|
    one.exec('CREATE TABLE copied (n int)')
    one.copy_data('COPY copied FROM STDIN') { 1000.times { |i| one.put_copy_data("#{i}\n") } }
    refused('22P02') { one.copy_data('COPY copied FROM STDIN') { one.put_copy_data("x\n") } }
    same(ask(one, 'SELECT count(*) FROM copied'), [1000])
  end
end

check 'copy out' do
  connections(1) do |one|
    lines = []
    one.copy_data('COPY (SELECT generate_series(1, 1000)) TO STDOUT') do
      while (line = one.get_copy_data)
        lines << line.to_i
      end
    end
    same(lines, (1..1000).to_a)
    same(ask(one, 'SELECT 7'), [7])
  end
end

check 'cancel' do
  connections(2) do |one, other|
    3.times do
      one.send_query('SELECT pg_sleep(20)')
      latest = Time.now + SECONDS_MAX
      while ask(other, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> " \
                       'pg_backend_pid() AND datname = current_database() ' \
                       "AND query LIKE '%pg_sleep%'") == [0]
        raise 'the statement to be cancelled does not run' if Time.now > latest
      end
      same(one.cancel, nil)
      refused('57014') { one.get_last_result }
      same(ask(one, 'SELECT 7'), [7])
    end
  end
end

check 'concurrency' do
  connections(1) do |any|
    any.exec('CREATE TABLE done (worker int)')
    each_worker do |worker|
      connections(1) do |own|
        ROUNDS.times do |turn|
          own.transaction do
            own.exec_params('INSERT INTO done VALUES ($1)', [worker])
            same(ask(own, "SELECT #{worker}, $1::int", [turn]), [worker, turn])
          end
        end
      end
    end
    same(ask(any, 'SELECT count(*) FROM done'), [WORKERS * ROUNDS])
  end
end

check 'startup settings' do
  connections(1, "options='-c work_mem=1234kB'") do |one|
    same(ask(one, 'SHOW work_mem'), ['1234kB'])
  end
end

check 'listen' do
  connections(2) do |one, other|
    one.exec('LISTEN news')
    other.exec("NOTIFY news, 'hello'")
    came = nil
    one.wait_for_notify(SECONDS_MAX) { |channel, _, payload| came = [channel, payload] }
    same(came, %w[news hello])
  end
end

check 'other settings' do
  connections(CROWD) do |*crowd|
    crowd.each_with_index { |one, i| one.exec("SET search_path = schema_#{i}") }
    crowd.each_with_index { |one, i| same(ask(one, 'SHOW search_path'), ["schema_#{i}"]) }
  end
end

run('Ruby pg', PG::VERSION)
