<?php
// How a driver's script in PHP tells what it found: as python/report.py, which says more.

// So many at the same time, each more than any pool has servers: workers, and connections that take
// turns.
const WORKERS = 20;
const CROWD = 8;
const ROUNDS = 10;
// How long something that will come may take; whatever waits for it fails after that.
const MILLISECONDS_MAX = 3000;

function run(string $driver, string $version, array $checks): void
{
    echo "driver $driver $version\n";
    $only = getenv('PGWEIR_CHECK');
    foreach ($checks as $name => $body) {
        if ($only !== false && $only !== $name) {
            continue;
        }
        echo "run $name\n";
        try {
            $body();
            echo "ok $name\n";
        } catch (Throwable $error) {
            $why = preg_replace('/\s+/', ' ', $error->getMessage());
            echo "not ok $name: $why (line {$error->getLine()})\n";
        }
    }
}

// Equal, and of the same type.
function same(mixed $found, mixed $wanted): void
{
    if ($found !== $wanted) {
        throw new Exception(var_export($found, true) . ' came, not ' . var_export($wanted, true));
    }
}

// Twenty processes at once, each with its number.
function each_worker(callable $body): void
{
    $children = [];
    for ($worker = 0; $worker < WORKERS; ++$worker) {
        $child = pcntl_fork();
        if ($child === 0) {
            try {
                $body($worker);
                exit(0);
            } catch (Throwable $error) {
                fwrite(STDERR, $error->getMessage() . "\n");
                exit(1);
            }
        }
        $children[] = $child;
    }
    $failed = 0;
    foreach ($children as $child) {
        pcntl_waitpid($child, $status);
        $failed += $status === 0 ? 0 : 1;
    }
    same($failed, 0);
}
