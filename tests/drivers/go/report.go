// How a driver's program in Go tells what it found: as python/report.py, which says more.
package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
)

// So many at the same time, each more than any pool has servers: workers, and connections that take
// turns.
const (
	workers = 20
	crowd   = 8
	rounds  = 10
)

// How long something that will come may take; whatever waits for it fails after that.
const timeMax = 3 * time.Second

type namedCheck struct {
	name string
	body func()
}

func run(driver string, checks []namedCheck) {
	fmt.Println("driver", driver)
	only := os.Getenv("PGWEIR_CHECK")
	for _, check := range checks {
		if only != "" && only != check.name {
			continue
		}
		fmt.Println("run", check.name)
		if why := outcome(check.body); why != "" {
			fmt.Printf("not ok %s: %s\n", check.name, strings.Join(strings.Fields(why), " "))
		} else {
			fmt.Println("ok", check.name)
		}
	}
}

// A check fails by panicking, in its own goroutine.
func outcome(body func()) (why string) {
	defer func() {
		if reason := recover(); reason != nil {
			why = fmt.Sprint(reason)
		}
	}()
	body()
	return ""
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// same demands equal values of the same type.
func same(found, wanted interface{}) {
	if !reflect.DeepEqual(found, wanted) {
		panic(fmt.Sprintf("%#v came, not %#v", found, wanted))
	}
}

// eachWorker runs body for all workers at once, and fails when one of them does.
func eachWorker(body func(worker int)) {
	ended := make(chan string)
	for i := 0; i < workers; i++ {
		go func(worker int) {
			ended <- outcome(func() { body(worker) })
		}(i)
	}
	why := ""
	for i := 0; i < workers; i++ {
		if one := <-ended; one != "" {
			why = one
		}
	}
	if why != "" {
		panic(why)
	}
}
