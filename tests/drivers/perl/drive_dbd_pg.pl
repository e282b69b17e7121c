#!/usr/bin/perl
# Perl's DBD::Pg: names dbdpg_p123_1, ... from the second execution on, COPY, asynchronous queries.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:async);
use FindBin;
use lib $FindBin::Bin;
use Report;

sub connected {
    my (%settings) = @_;
    my $more = delete $settings{more} // '';
    # The rest of the address comes from the environment.
    return DBI->connect("dbi:Pg:$more", $ENV{PGUSER}, $ENV{PGPASSWORD},
        {RaiseError => 1, PrintError => 0, AutoCommit => 1, pg_enable_utf8 => 1,
         pg_server_prepare => 0, %settings});
}

# The only row.
sub ask {
    my ($db, $sql, @parameters) = @_;
    return $db->selectrow_arrayref($sql, undef, @parameters);
}

sub refused {
    my ($sqlstate, $db, $call) = @_;
    die "no error $sqlstate" if eval { $call->(); 1 };
    die $@ if ($db->state // '') ne $sqlstate;
}

sub parameters {
    my (%settings) = @_;
    return sub {
        my @crowd = map {
            my $db = connected(%settings);
            [$db, $db->prepare("SELECT $_, ?::text")]
        } 0 .. CROWD - 1;
        for my $turn (1 .. ROUNDS) {
            for my $i (0 .. $#crowd) {
                my $statement = $crowd[$i][1];
                $statement->execute("turn $turn");
                same([$statement->fetchrow_array], [$i, "turn $turn"]);
            }
        }
    };
}

check 'values', sub {
    my $db = connected();
    same(ask($db, 'SELECT ?::int, ?::bigint, ?::text, ?::numeric, NULL, ?::bool, ?::int[]',
             7, 1 << 40, 'Grüße ☂', '1.50', 'true', [1, 2]),
         [7, 1 << 40, 'Grüße ☂', '1.50', undef, 1, [1, 2]]);
    my $text = '☂x' x 1_000_000;
    die 'a large text came back otherwise' if ask($db, 'SELECT ?::text', $text)->[0] ne $text;
};

check 'errors', sub {
    my $db = connected();
    for (1 .. 3) {
        refused('22012', $db, sub { ask($db, 'SELECT 1/?::int', 0) });
        refused('42601', $db, sub { $db->do('SELEKT') });
        same(ask($db, 'SELECT 7'), [7]);
    }
};

check 'transaction', sub {
    my ($db, $other) = (connected(), connected());
    $db->do('CREATE TABLE kept (n int)');
    for my $end ('rollback', 'commit') {
        $db->begin_work;
        $db->do('INSERT INTO kept VALUES (1)');
        $db->pg_savepoint('before');
        refused('22012', $db, sub { $db->do('SELECT 1/0') });
        refused('25P02', $db, sub { $db->do('SELECT 1') });
        $db->pg_rollback_to('before');
        same(ask($other, 'SELECT count(*) FROM kept'), [0]);
        $db->$end;
    }
    same(ask($other, 'SELECT count(*) FROM kept'), [1]);
};

check 'unnamed statements', parameters(pg_server_prepare => 0);
check 'named statements', parameters(pg_server_prepare => 1, pg_switch_prepared => 1);
check 'statement cache', parameters(pg_server_prepare => 1, pg_switch_prepared => 2);

# A statement that goes away is deallocated, in SQL.
check 'statements deallocated', sub {
    my ($one, $other) = map { connected(pg_server_prepare => 1, pg_switch_prepared => 1) } 1 .. 2;
    my $kept = $other->prepare('SELECT ?::int');
    $kept->execute(1);
    for my $i (1 .. ROUNDS) {
        same(ask($one, "SELECT $i + ?::int", 100), [$i + 100]);
    }
    $kept->execute(2);
    same([$kept->fetchrow_array], [2]);
};

check 'copy in', sub {
    my $db = connected();
    $db->do('CREATE TABLE copied (n int)');
    $db->do('COPY copied FROM STDIN');
    $db->pg_putcopydata("$_\n") for 1 .. 1000;
    $db->pg_putcopyend;
    $db->do('COPY copied FROM STDIN');
    $db->pg_putcopydata("no number\n");
    refused('22P02', $db, sub { $db->pg_putcopyend });
    same(ask($db, 'SELECT count(*) FROM copied'), [1000]);
};

check 'copy out', sub {
    my $db = connected();
    $db->do('COPY (SELECT generate_series(1, 1000)) TO STDOUT');
    my ($line, $count) = ('', 0);
    while ($db->pg_getcopydata($line) >= 0) { same($line, ++$count . "\n") }
    same($count, 1000);
    same(ask($db, 'SELECT 7'), [7]);
};

check 'cancel', sub {
    my ($db, $other) = (connected(), connected());
    for (1 .. 3) {
        $db->do('SELECT pg_sleep(20)', {pg_async => PG_ASYNC});
        my $latest = time + SECONDS_MAX;
        until (ask($other, q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
                             AND pid <> pg_backend_pid() AND datname = current_database()
                             AND query LIKE '%pg_sleep%'})->[0]) {
            die 'the statement to be cancelled does not run' if time > $latest;
        }
        $db->pg_cancel;
        same($db->state, '57014');
        same(ask($db, 'SELECT 7'), [7]);
    }
};

check 'concurrency', sub {
    connected()->do('CREATE TABLE done (worker int)');
    each_worker(sub {
        my ($worker) = @_;
        my $own = connected();
        for my $turn (1 .. ROUNDS) {
            $own->begin_work;
            $own->do('INSERT INTO done VALUES (?)', undef, $worker);
            same(ask($own, 'SELECT ?::int, ?::int', $worker, $turn), [$worker, $turn]);
            $own->commit;
        }
    });
    same(ask(connected(), 'SELECT count(*) FROM done'), [WORKERS * ROUNDS]);
};

check 'startup settings', sub {
    same(ask(connected(more => 'options=-cwork_mem=1234kB'), 'SHOW work_mem'), ['1234kB']);
};

check 'listen', sub {
    my ($db, $other) = (connected(), connected());
    $db->do('LISTEN news');
    $other->do(q{NOTIFY news, 'hello'});
    my $bits = '';
    vec($bits, $db->{pg_socket}, 1) = 1;
    select($bits, undef, undef, SECONDS_MAX);
    my $came = $db->pg_notifies // [];
    same([@{$came}[0, 2]], ['news', 'hello']);
};

check 'other settings', sub {
    my @crowd = map { connected() } 1 .. CROWD;
    $crowd[$_]->do("SET search_path = schema_$_") for 0 .. $#crowd;
    same(ask($crowd[$_], 'SHOW search_path'), ["schema_$_"]) for 0 .. $#crowd;
};

run 'DBD::Pg', $DBD::Pg::VERSION;
