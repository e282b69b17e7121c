# How a driver's script in Ruby tells what it found: as python/report.py, which says more.

$stdout.sync = true

# So many at the same time, each more than any pool has servers: workers, and connections that take
# turns.
WORKERS = 20
CROWD = 8
ROUNDS = 10
# How long something that will come may take; whatever waits for it fails after that.
SECONDS_MAX = 3

CHECKS = {}

def check(name, &body)
  CHECKS[name] = body
end

def run(driver, version)
  puts "driver #{driver} #{version}"
  only = ENV['PGWEIR_CHECK']
  CHECKS.each do |name, body|
    next if only && only != name

    puts "run #{name}"
    begin
      body.call
      puts "ok #{name}"
    rescue StandardError => error
      place = error.backtrace.to_a.grep(/drive_/).first.to_s[/drive_\w+\.rb:\d+/]
      puts "not ok #{name}: #{error.class}: #{error.message} (#{place})".gsub(/\s+/, ' ')
    end
  end
end

# Equal, and of the same type.
def same(found, wanted)
  raise "#{found.inspect} came, not #{wanted.inspect}" unless found.eql?(wanted)
end

# Twenty threads at once, each with its number.
def each_worker
  WORKERS.times.map do |worker|
    Thread.new do
      Thread.current.report_on_exception = false
      yield worker
    end
  end.each(&:join)
end
