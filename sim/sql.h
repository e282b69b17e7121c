// The little language the simulated PostgreSQL understands, inside ordinary-looking SQL. Statements
// are separated by ';'.
//
// A comment at the start of a statement is its tag: "/*c7 r42*/" names a client and its request.
//
//   proof N SIZE       N rows that tell who asked and all of the session's state
//   select 'TEXT'      one row of one column     begin, commit, end, rollback
//   rows N SIZE        N rows of SIZE bytes      set NAME = VALUE, set NAME to VALUE
//   error [CODE]       fails                     show NAME
//   fail at bind       fails at Bind             select pg_catalog.set_config($1, $2, false), …
//   notice TEXT        a notice, then done       copy in, copy in fail: fails at the first data
//   sleep [MS]         until then, or until woken, or cancelled
//                                                copy out N: N lines
//   fatal CODE         ends the session          discard all, insert TEXT, and nothing at all
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgweir::sim {

struct Statement {
  enum class Kind {
    nothing,
    proof,
    select,
    rows,
    error,
    fail_at_bind,
    notice,
    sleep,
    fatal,
    begin,
    commit,
    rollback,
    set,
    show,
    set_config,
    copy_in,
    copy_out,
    discard,
    insert,
    unknown,
  };
  Kind kind = Kind::unknown;
  std::string name;              // of a setting
  std::string value;             // a text, a setting's new value, an error code
  int count = 0;                 // rows, parameters of set_config, milliseconds (0: until woken)
  int size = 0;                  // bytes of a row
  std::string client_tag = {};   // "c7"
  std::string request_tag = {};  // "r42"
};

// Everything is a list of at least one statement; a text of nothing is one of kind nothing.
std::vector<Statement> understand(std::string_view sql);

}  // namespace pgweir::sim
