// lib/pq: every query with arguments is two round trips with an unnamed statement, a Sync after each.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// The address comes from the environment.
func open(more string) *sql.DB {
	db, err := sql.Open("postgres", "sslmode=disable "+more)
	must(err)
	db.SetMaxOpenConns(workers)
	db.SetMaxIdleConns(workers)
	return db
}

func tell(db interface {
	Exec(string, ...interface{}) (sql.Result, error)
}, text string, arguments ...interface{}) {
	_, err := db.Exec(text, arguments...)
	must(err)
}

// number asks for the only column of the only row.
func number(db interface {
	QueryRow(string, ...interface{}) *sql.Row
}, text string, arguments ...interface{}) (n int) {
	must(db.QueryRow(text, arguments...).Scan(&n))
	return n
}

func refused(code pq.ErrorCode, err error) {
	if found, ok := err.(*pq.Error); !ok || found.Code != code {
		panic(fmt.Sprintf("%v came, not error %s", err, code))
	}
}

func values() {
	db := open("")
	defer db.Close()
	moment := time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)
	var (
		i    int64
		t    string
		y    []byte
		o    bool
		f    float64
		m    time.Time
		z    sql.NullString
		list pq.Int64Array
	)
	must(db.QueryRow(`SELECT $1::bigint, $2::text, $3::bytea, $4::bool, $5::float8,
		$6::timestamptz, $7::text, $8::bigint[]`, int64(1)<<40, "Grüße ☂", []byte{0, 255}, true, 0.1,
		moment, nil, pq.Array([]int64{1, 2})).Scan(&i, &t, &y, &o, &f, &m, &z, &list))
	same([]interface{}{i, t, y, o, f, m.UTC(), z, list}, []interface{}{int64(1) << 40, "Grüße ☂",
		[]byte{0, 255}, true, 0.1, moment, sql.NullString{}, pq.Int64Array{1, 2}})
}

func errors() {
	db := open("")
	defer db.Close()
	for i := 0; i < 3; i++ {
		_, err := db.Exec("SELECT 1/$1::int", 0)
		refused("22012", err)
		_, err = db.Exec("SELEKT")
		refused("42601", err)
		same(number(db, "SELECT $1::int", 7), 7)
	}
}

func transaction() {
	db := open("")
	defer db.Close()
	tell(db, "CREATE TABLE kept (n int)")
	for _, kept := range []bool{false, true} {
		own, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		must(err)
		tell(own, "INSERT INTO kept VALUES ($1)", 1)
		tell(own, "SAVEPOINT before")
		_, err = own.Exec("SELECT 1/$1::int", 0)
		refused("22012", err)
		_, err = own.Exec("SELECT 1")
		refused("25P02", err)
		tell(own, "ROLLBACK TO before")
		same(number(db, "SELECT count(*) FROM kept"), 0)
		if kept {
			must(own.Commit())
		} else {
			must(own.Rollback())
		}
	}
	same(number(db, "SELECT count(*) FROM kept"), 1)
}

// Of twenty at once, each with a text of its own: another one's statement would be a wrong answer.
func parameters(settings string) func() {
	return func() {
		db := open(settings)
		defer db.Close()
		eachWorker(func(worker int) {
			for turn := 0; turn < rounds; turn++ {
				text := fmt.Sprintf("SELECT %d + $1::int", worker)
				same(number(db, text, 100*turn), worker+100*turn)
			}
		})
	}
}

// Names 1, 2, ... in every session, for other texts.
func namedStatements() {
	db := open("")
	defer db.Close()
	var all []*sql.Stmt
	for i := 0; i < crowd; i++ {
		session, err := db.Conn(context.Background())
		must(err)
		defer session.Close()
		statement, err := session.PrepareContext(context.Background(),
			fmt.Sprintf("SELECT %d + $1::int", i))
		must(err)
		all = append(all, statement)
	}
	for turn := 0; turn < rounds; turn++ {
		for i, statement := range all {
			var n int
			must(statement.QueryRow(100 * turn).Scan(&n))
			same(n, i+100*turn)
		}
	}
}

func copyIn() {
	db := open("")
	defer db.Close()
	tell(db, "CREATE TABLE copied (n int, t text)")
	own, err := db.Begin()
	must(err)
	rows, err := own.Prepare(pq.CopyIn("copied", "n", "t"))
	must(err)
	for i := 0; i < 1000; i++ {
		_, err = rows.Exec(i, "tab\t")
		must(err)
	}
	_, err = rows.Exec()
	must(err)
	must(rows.Close())
	must(own.Commit())
	same(number(db, "SELECT count(*) FROM copied WHERE t = E'tab\\t'"), 1000)
}

// A context that ends cancels what runs.
func cancel() {
	db := open("")
	defer db.Close()
	for i := 0; i < 3; i++ {
		short, end := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_, err := db.ExecContext(short, "SELECT pg_sleep(20)")
		end()
		refused("57014", err)
		same(number(db, "SELECT 7"), 7)
	}
}

func concurrency() {
	db := open("")
	defer db.Close()
	tell(db, "CREATE TABLE done (worker int)")
	eachWorker(func(worker int) {
		for turn := 0; turn < rounds; turn++ {
			own, err := db.Begin()
			must(err)
			tell(own, "INSERT INTO done VALUES ($1)", worker)
			same(number(own, "SELECT $1::int", worker*1000+turn), worker*1000+turn)
			must(own.Commit())
		}
	})
	same(number(db, "SELECT count(*) FROM done"), workers*rounds)
}

func startupSettings() {
	db := open("search_path=one work_mem=1234kB")
	defer db.Close()
	var found string
	must(db.QueryRow("SELECT current_setting('search_path') || current_setting('work_mem')").
		Scan(&found))
	same(found, "one1234kB")
}

func listen() {
	db := open("")
	defer db.Close()
	listener := pq.NewListener("sslmode=disable", time.Second, time.Second, nil)
	defer listener.Close()
	must(listener.Listen("news"))
	tell(db, "NOTIFY news, 'hello'")
	select {
	case came := <-listener.Notify:
		same(came.Extra, "hello")
	case <-time.After(timeMax):
		panic("the notification did not come")
	}
}

func main() {
	run("lib/pq", []namedCheck{
		{"values", values},
		{"errors", errors},
		{"transaction", transaction},
		{"unnamed statements", parameters("")},
		{"binary parameters", parameters("binary_parameters=yes")},
		{"named statements", namedStatements},
		{"copy in", copyIn},
		{"cancel", cancel},
		{"concurrency", concurrency},
		{"startup settings", startupSettings},
		{"listen", listen},
	})
}
