<?php
// PHP's PDO: names pdo_stmt_1, ... and SQL's DEALLOCATE of them, or none, or no parameters at all.
// It cannot cancel.

require __DIR__ . '/report.php';

// Parameters that PDO writes into the text itself, as nothing else is common to all checks.
const EMULATED = [PDO::ATTR_EMULATE_PREPARES => true];
const NAMED = [PDO::ATTR_EMULATE_PREPARES => false];
const UNNAMED = [PDO::PGSQL_ATTR_DISABLE_PREPARES => true, PDO::ATTR_EMULATE_PREPARES => false];

function connect(array $settings = EMULATED, string $more = ''): PDO
{
    $address = sprintf('pgsql:host=%s;port=%s;dbname=%s;%s', getenv('PGHOST'), getenv('PGPORT'),
        getenv('PGDATABASE'), $more);
    return new PDO($address, getenv('PGUSER'), getenv('PGPASSWORD'), $settings + [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_STRINGIFY_FETCHES => false,
    ]);
}

// The only row, as an array.
function ask(PDO $connection, string $sql, array $parameters = []): array
{
    $statement = $connection->prepare($sql);
    $statement->execute($parameters);
    return $statement->fetch(PDO::FETCH_NUM);
}

function refused(string $sqlstate, callable $call): void
{
    try {
        $call();
    } catch (PDOException $error) {
        if ($error->getCode() === $sqlstate) {
            return;
        }
        throw $error;
    }
    throw new Exception("no error $sqlstate");
}

function parameters(array $settings): callable
{
    return function () use ($settings) {
        $crowd = [];
        for ($i = 0; $i < CROWD; ++$i) {
            $one = connect($settings);
            $crowd[] = [$one, $one->prepare("SELECT $i, ?::text")];
        }
        for ($turn = 0; $turn < ROUNDS; ++$turn) {
            foreach ($crowd as $i => [$one, $statement]) {
                $statement->execute(["turn $turn"]);
                same($statement->fetch(PDO::FETCH_NUM), [$i, "turn $turn"]);
            }
        }
    };
}

$checks['values'] = function () {
    $one = connect();
    same(ask($one, 'SELECT ?::int, ?::bigint, ?::text, ?::numeric, NULL, ?::bool, ?::int[]',
        [7, 1 << 40, 'Grüße ☂', '1.50', 'true', '{1,NULL}']),
        [7, 1 << 40, 'Grüße ☂', '1.50', null, true, '{1,NULL}']);
    same(stream_get_contents(ask($one, "SELECT '\\x00ff'::bytea")[0]), "\0\xff");
    $text = str_repeat('☂x', 1000000);
    same(ask($one, 'SELECT ?::text', [$text]), [$text]);
};

$checks['errors'] = function () {
    $one = connect();
    for ($i = 0; $i < 3; ++$i) {
        refused('22012', fn () => ask($one, 'SELECT 1/?::int', [0]));
        refused('42601', fn () => $one->exec('SELEKT'));
        same(ask($one, 'SELECT 7'), [7]);
    }
};

$checks['transaction'] = function () {
    [$one, $other] = [connect(), connect()];
    $one->exec('CREATE TABLE kept (n int)');
    foreach (['rollBack', 'commit'] as $end) {
        $one->beginTransaction();
        $one->exec('INSERT INTO kept VALUES (1)');
        $one->exec('SAVEPOINT before');
        refused('22012', fn () => $one->exec('SELECT 1/0'));
        refused('25P02', fn () => $one->exec('SELECT 1'));
        $one->exec('ROLLBACK TO before');
        same(ask($other, 'SELECT count(*) FROM kept'), [0]);
        $one->$end();
    }
    same(ask($other, 'SELECT count(*) FROM kept'), [1]);
};

$checks['simple protocol'] = parameters(EMULATED);
$checks['unnamed statements'] = parameters(UNNAMED);
$checks['named statements'] = parameters(NAMED);

// A statement that goes away is deallocated, in SQL; the next one has the next name.
$checks['statements deallocated'] = function () {
    [$one, $other] = [connect(NAMED), connect(NAMED)];
    $kept = $other->prepare('SELECT ?::int');
    $kept->execute([1]);
    for ($i = 0; $i < ROUNDS; ++$i) {
        same(ask($one, "SELECT $i + ?::int", [100]), [$i + 100]);
    }
    $kept->execute([2]);
    same($kept->fetch(PDO::FETCH_NUM), [2]);
};

$checks['server-side cursor'] = function () {
    $one = connect();
    $one->beginTransaction();
    $cursor = $one->prepare('SELECT generate_series(1, 100)', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $cursor->execute();
    for ($i = 1; $i <= 100; ++$i) {
        same($cursor->fetch(PDO::FETCH_NUM), [$i]);
    }
    same($cursor->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 50), [50]);
    $cursor = null;
    $one->commit();
};

$checks['copy in'] = function () {
    $one = connect();
    $one->exec('CREATE TABLE copied (n int, t text)');
    $rows = array_map(fn ($i) => "$i\tline $i", range(1, 1000));
    same($one->pgsqlCopyFromArray('copied', $rows), true);
    refused('22P02', fn () => $one->pgsqlCopyFromArray('copied', ["no number\tx"]));
    same(ask($one, 'SELECT count(*) FROM copied'), [1000]);
};

$checks['copy out'] = function () {
    $one = connect();
    $one->exec('CREATE TABLE full_table AS SELECT generate_series(1, 1000) AS n');
    same(array_map('trim', $one->pgsqlCopyToArray('full_table')), array_map('strval', range(1, 1000)));
    same(ask($one, 'SELECT 7'), [7]);
};

$checks['concurrency'] = function () {
    connect()->exec('CREATE TABLE done (worker int)');
    each_worker(function ($worker) {
        $own = connect();
        for ($turn = 0; $turn < ROUNDS; ++$turn) {
            $own->beginTransaction();
            $own->exec("INSERT INTO done VALUES ($worker)");
            same(ask($own, 'SELECT ?::int, ?::int', [$worker, $turn]), [$worker, $turn]);
            $own->commit();
        }
    });
    same(ask(connect(), 'SELECT count(*) FROM done'), [WORKERS * ROUNDS]);
};

$checks['startup settings'] = function () {
    same(ask(connect(EMULATED, "options='-c work_mem=1234kB'"), 'SHOW work_mem'), ['1234kB']);
};

$checks['listen'] = function () {
    [$one, $other] = [connect(), connect()];
    $one->exec('LISTEN news');
    $other->exec("NOTIFY news, 'hello'");
    $came = $one->pgsqlGetNotify(PDO::FETCH_ASSOC, MILLISECONDS_MAX);
    same($came ? [$came['message'], $came['payload']] : $came, ['news', 'hello']);
};

$checks['other settings'] = function () {
    $crowd = array_map(fn () => connect(), range(1, CROWD));
    foreach ($crowd as $i => $one) {
        $one->exec("SET search_path = schema_$i");
    }
    foreach ($crowd as $i => $one) {
        same(ask($one, 'SHOW search_path'), ["schema_$i"]);
    }
};

run('PHP PDO', PHP_VERSION, $checks);
