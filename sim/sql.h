// The little language the simulated PostgreSQL understands, inside ordinary-looking SQL. Statements
// are separated by ';'. Beside PostgreSQL's own words for transactions, settings, roles, cursors,
// prepared statements, temporary tables, channels and advisory locks it has these:
//
//   proof N SIZE       N rows that tell who asked, all of the session's state, and by which
//   settings
//                      the text was read
//   rows N SIZE        N rows of SIZE bytes      error [CODE]       fails
//   insert TEXT        into the ledger           fail at bind       fails at Bind
//   copy in            until CopyDone            notice TEXT        a notice, then done
//   copy in fail       fails at the first data   fatal CODE         ends the session
//   copy out N         N lines                   sleep [MS]         until then, or until woken
//
// A comment at the start of a statement is its tag: "/*c7 r42*/" names a client and its request.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgweir::sim {

struct Statement {
  enum class Kind {
    nothing,
    proof,
    select,  // value
    rows,
    error,
    fail_at_bind,
    notice,
    sleep,
    fatal,
    begin,
    begin_read_only,
    commit,
    rollback,
    savepoint,
    rollback_to,
    release,
    set,
    set_local,
    reset,  // name, or "all"
    show,
    set_config,
    copy_in,
    copy_out,
    discard,  // value: all, temp, plans, sequences
    insert,
    declare,  // value: the query; size: 1 with hold
    fetch,    // count; negative: all
    close,    // name, or "all"
    prepare,  // value: the statement
    execute,
    deallocate,  // name, or "all"
    create_table,
    drop_table,
    listen,
    unlisten,  // name, or "*"
    notify,    // value: the payload
    lock,      // count: its number; size: 1 of the transaction only
    try_lock,  // the same
    unlock,
    unlock_all,
    unknown,
  };
  Kind kind = Kind::unknown;
  std::string name;              // of a setting, savepoint, cursor, statement, table, channel
  std::string value;             // a text, a setting's new value, an error code
  int count = 0;                 // rows, parameters of set_config, milliseconds (0: until woken)
  int size = 0;                  // bytes of a row
  std::string client_tag = {};   // "c7"
  std::string request_tag = {};  // "r42"
  std::uint32_t schema = 0;      // of a prepared one: what the tables were like
  std::optional<std::string> reading = {};  // of a prepared one: what its constants were read by
};

// Everything is a list of at least one statement; a text of nothing is one of kind nothing.
std::vector<Statement> understand(std::string_view sql);
// The one in another's place: what a cursor or prepared statement is for, with that one's tag.
Statement understand_for(const Statement& whose, std::string_view sql);

// Takes the tag that a text begins with for its own, where there is one.
bool retag(Statement& statement, std::string_view text);

// The columns of its rows; none: it has none.
std::vector<std::string> columns_of(const Statement& statement);
// Its rows may be fetched some at a time, from a portal or a cursor; and how many there are.
bool comes_in_parts(const Statement& statement);
int row_count_of(const Statement& statement);

}  // namespace pgweir::sim
