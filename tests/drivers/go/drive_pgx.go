// pgx v4: prepares what it is asked, or only describes it; batches are pipelines; COPY is binary.
package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

var ever = context.Background()

// Settings in the form of a connection string; the address comes from the environment.
const (
	prepares  = "statement_cache_mode=prepare"
	describes = "statement_cache_mode=describe"
	// Every statement unnamed, parsed and described before it is bound.
	noCache = "statement_cache_capacity=0"
)

func connect(settings string) *pgx.Conn {
	connection, err := pgx.Connect(ever, settings)
	must(err)
	return connection
}

func tell(connection interface {
	Exec(context.Context, string, ...interface{}) (pgconn.CommandTag, error)
}, text string, arguments ...interface{}) {
	_, err := connection.Exec(ever, text, arguments...)
	must(err)
}

// number asks for the only column of the only row.
func number(connection interface {
	QueryRow(context.Context, string, ...interface{}) pgx.Row
}, text string, arguments ...interface{}) (n int) {
	must(connection.QueryRow(ever, text, arguments...).Scan(&n))
	return n
}

func refused(code string, err error) {
	if found, ok := err.(*pgconn.PgError); !ok || found.Code != code {
		panic(fmt.Sprintf("%v came, not error %s", err, code))
	}
}

func values() {
	one := connect(describes)
	defer one.Close(ever)
	moment := time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)
	var (
		i    int64
		t    string
		y    []byte
		o    bool
		f    float64
		m    time.Time
		z    *string
		list []int32
	)
	must(one.QueryRow(ever, `SELECT $1::bigint, $2::text, $3::bytea, $4::bool, $5::float8,
		$6::timestamptz, $7::text, $8::int[]`, int64(1)<<40, "Grüße ☂", []byte{0, 255}, true, 0.1,
		moment, nil, []int32{1, 2}).Scan(&i, &t, &y, &o, &f, &m, &z, &list))
	same([]interface{}{i, t, y, o, f, m.UTC(), z, list}, []interface{}{int64(1) << 40, "Grüße ☂",
		[]byte{0, 255}, true, 0.1, moment, (*string)(nil), []int32{1, 2}})
}

func errors() {
	one := connect(describes)
	defer one.Close(ever)
	for i := 0; i < 3; i++ {
		_, err := one.Exec(ever, "SELECT 1/$1::int", 0)
		refused("22012", err)
		_, err = one.Exec(ever, "SELEKT")
		refused("42601", err)
		same(number(one, "SELECT $1::int", 7), 7)
	}
}

func transaction() {
	one, other := connect(describes), connect(describes)
	defer one.Close(ever)
	defer other.Close(ever)
	tell(one, "CREATE TABLE kept (n int)")
	must(one.BeginTxFunc(ever, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(own pgx.Tx) error {
		tell(own, "INSERT INTO kept VALUES ($1)", 1)
		refused("22012", own.BeginFunc(ever, func(deeper pgx.Tx) error {
			_, err := deeper.Exec(ever, "SELECT 1/$1::int", 0)
			return err
		}))
		same(number(other, "SELECT count(*) FROM kept"), 0)
		return nil
	}))
	same(number(other, "SELECT count(*) FROM kept"), 1)
}

// Each with a text of its own: another one's statement would be a wrong answer.
func parameters(settings string) func() {
	return func() {
		eachWorker(func(worker int) {
			own := connect(settings)
			defer own.Close(ever)
			for turn := 0; turn < rounds; turn++ {
				text := fmt.Sprintf("SELECT %d + $1::int", worker)
				same(number(own, text, 100*turn), worker+100*turn)
			}
		})
	}
}

func simpleProtocol() {
	config, err := pgx.ParseConfig("")
	must(err)
	config.PreferSimpleProtocol = true
	one, err := pgx.ConnectConfig(ever, config)
	must(err)
	defer one.Close(ever)
	for i := 0; i < rounds; i++ {
		same(number(one, "SELECT $1::int", i), i)
	}
}

// The same name for another text in every session.
func namedStatements() {
	var all []*pgx.Conn
	for i := 0; i < crowd; i++ {
		one := connect(prepares)
		defer one.Close(ever)
		_, err := one.Prepare(ever, "own", fmt.Sprintf("SELECT %d + $1::int", i))
		must(err)
		all = append(all, one)
	}
	for turn := 0; turn < rounds; turn++ {
		for i, one := range all {
			same(number(one, "own", 100*turn), i+100*turn)
		}
	}
	must(all[0].Deallocate(ever, "own"))
	same(number(all[1], "own", 0), 1)
}

func pipeline(settings string) func() {
	return func() {
		one := connect(settings)
		defer one.Close(ever)
		batch := &pgx.Batch{}
		for i := 0; i < 100; i++ {
			batch.Queue("SELECT $1::int", i)
		}
		results := one.SendBatch(ever, batch)
		for i := 0; i < 100; i++ {
			var n int
			must(results.QueryRow().Scan(&n))
			same(n, i)
		}
		must(results.Close())
		failing := &pgx.Batch{}
		failing.Queue("SELECT 1/$1::int", 0)
		failing.Queue("SELECT $1::int", 1)
		refused("22012", one.SendBatch(ever, failing).Close())
		same(number(one, "SELECT $1::int", 7), 7)
	}
}

// What is sent is COPY's binary form, after a statement that describes the table.
func copyIn() {
	one := connect(describes)
	defer one.Close(ever)
	tell(one, "CREATE TABLE copied (n int, t text)")
	var rows [][]interface{}
	for i := int32(0); i < 1000; i++ {
		rows = append(rows, []interface{}{i, "tab\t"})
	}
	count, err := one.CopyFrom(ever, pgx.Identifier{"copied"}, []string{"n", "t"},
		pgx.CopyFromRows(rows))
	must(err)
	same(count, int64(1000))
	same(number(one, "SELECT count(*) FROM copied WHERE t = $1", "tab\t"), 1000)
}

func copyOut() {
	one := connect(describes)
	defer one.Close(ever)
	var text bytes.Buffer
	_, err := one.PgConn().CopyTo(ever, &text, "COPY (SELECT generate_series(1, 1000)) TO STDOUT")
	must(err)
	same(strings.Count(text.String(), "\n"), 1000)
	same(number(one, "SELECT 7"), 7)
}

func cancel() {
	one, other := connect(describes), connect(describes)
	defer one.Close(ever)
	defer other.Close(ever)
	for i := 0; i < 3; i++ {
		ended := make(chan error)
		go func() {
			_, err := one.Exec(ever, "SELECT pg_sleep(20)")
			ended <- err
		}()
		for latest := time.Now().Add(timeMax); number(other, `SELECT count(*) FROM pg_stat_activity
			WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()
			AND query LIKE '%pg_sleep%'`) == 0; {
			if time.Now().After(latest) {
				panic("the statement to be cancelled does not run")
			}
		}
		must(one.PgConn().CancelRequest(ever))
		refused("57014", <-ended)
		same(number(one, "SELECT 7"), 7)
	}
}

func concurrency() {
	pool, err := pgxpool.Connect(ever, fmt.Sprintf("%s pool_max_conns=%d", describes, workers))
	must(err)
	defer pool.Close()
	tell(pool, "CREATE TABLE done (worker int)")
	eachWorker(func(worker int) {
		for turn := 0; turn < rounds; turn++ {
			must(pool.BeginFunc(ever, func(own pgx.Tx) error {
				tell(own, "INSERT INTO done VALUES ($1)", worker)
				same(number(own, "SELECT $1::int", worker*1000+turn), worker*1000+turn)
				return nil
			}))
		}
	})
	same(number(pool, "SELECT count(*) FROM done"), workers*rounds)
}

func startupSettings() {
	one := connect("search_path=one work_mem=1234kB")
	defer one.Close(ever)
	var found string
	must(one.QueryRow(ever, "SELECT current_setting('search_path') || current_setting('work_mem')").
		Scan(&found))
	same(found, "one1234kB")
}

func listen() {
	one, other := connect(describes), connect(describes)
	defer one.Close(ever)
	defer other.Close(ever)
	tell(one, "LISTEN news")
	tell(other, "NOTIFY news, 'hello'")
	bounded, end := context.WithTimeout(ever, timeMax)
	defer end()
	came, err := one.WaitForNotification(bounded)
	must(err)
	same(came.Payload, "hello")
}

func main() {
	run("pgx", []namedCheck{
		{"values", values},
		{"errors", errors},
		{"transaction", transaction},
		{"simple protocol", simpleProtocol},
		{"unnamed statements", parameters(noCache)},
		{"statement descriptions", parameters(describes)},
		{"statement cache", parameters(prepares)},
		{"named statements", namedStatements},
		{"pipeline", pipeline(describes)},
		{"pipeline of named statements", pipeline(prepares)},
		{"copy in", copyIn},
		{"copy out", copyOut},
		{"cancel", cancel},
		{"concurrency", concurrency},
		{"startup settings", startupSettings},
		{"listen", listen},
	})
}
