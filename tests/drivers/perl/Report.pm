# How a driver's script in Perl tells what it found: as python/report.py, which says more.
package Report;
use strict;
use warnings;
use Data::Dumper;
use Exporter 'import';

our @EXPORT = qw(WORKERS CROWD ROUNDS SECONDS_MAX check run same each_worker);

# So many at the same time, each more than any pool has servers: workers, and connections that take
# turns.
use constant {WORKERS => 20, CROWD => 8, ROUNDS => 10};
# How long something that will come may take; whatever waits for it fails after that.
use constant SECONDS_MAX => 3;

$| = 1;
my @checks;

sub check {
    my ($name, $body) = @_;
    push @checks, [$name, $body];
}

sub run {
    my ($driver, $version) = @_;
    print "driver $driver $version\n";
    my $only = $ENV{PGWEIR_CHECK};
    for my $check (@checks) {
        my ($name, $body) = @$check;
        next if defined $only && $only ne $name;
        print "run $name\n";
        if (eval { $body->(); 1 }) {
            print "ok $name\n";
        } else {
            (my $why = $@) =~ s/\s+/ /g;
            print "not ok $name: $why\n";
        }
    }
}

sub dump_of {
    local ($Data::Dumper::Indent, $Data::Dumper::Terse, $Data::Dumper::Useqq) = (0, 1, 1);
    return Dumper($_[0]);
}

# Equal; Perl's numbers and texts are one.
sub same {
    my ($found, $wanted) = @_;
    local $Data::Dumper::Sortkeys = 1;
    my ($one, $other) = map { my $text = dump_of($_); $text =~ s/"(-?\d+)"/$1/g; $text } @_;
    die "$one came, not $other" if $one ne $other;
}

# Twenty processes at once, each with its number.
sub each_worker {
    my ($body) = @_;
    my @children;
    for my $worker (0 .. WORKERS - 1) {
        my $child = fork();
        if ($child == 0) {
            eval { $body->($worker); 1 } or print STDERR $@;
            require POSIX;
            POSIX::_exit($@ ? 1 : 0);
        }
        push @children, $child;
    }
    my $failed = 0;
    for my $child (@children) {
        waitpid $child, 0;
        $failed++ if $?;
    }
    same($failed, 0);
}

1;
