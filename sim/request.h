// What a simulated application asks, and what it is owed for it: one entry for each message that is
// answered, in the order they were sent. Every text carries its proof: a tag that names client and
// request, which every row of its answer must return.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pgweir::sim {

// A statement in the model server's language (sim/sql.h).
struct Ask {
  enum class Kind : std::uint8_t {
    proof,  // count rows of the session's state, each padded by size bytes
    begin,
    commit,
    rollback,
    savepoint,      // name
    rollback_to,    // name, of a savepoint
    release,        // name, of a savepoint
    set,            // name, value: a parameter that pgweir keeps for its client
    set_local,      // name, value: whatever it is, for the transaction
    declare,        // name: a cursor for count rows of the session's state
    fetch,          // name: count of them, or what is left
    close_cursor,   // name
    lock,           // name: an advisory lock's number, for the transaction
    create_table,   // name: until the transaction ends
    notify,         // name: a channel nobody listens to
    function_call,  // by its own message; returns what it is given
    insert,         // value, into the audited ledger
    error,          // fails when executed, with code value
    fail_at_bind,   // 22012; in a Query when executed
    syntax_error,   // 42601 at Parse
    notice,
    nothing,       // an empty text
    sleep,         // count milliseconds
    copy_in,       // count chunks follow, and CopyDone
    copy_abort,    // count chunks follow, and CopyFail
    copy_refused,  // the server fails at the first chunk
    copy_out,      // count lines
    // What outlives the transaction, and its end.
    keep_setting,  // value, of work_mem; it follows
    keep_channel,  // name
    keep_lock,     // name: its number
    keep_table,    // name
    end_setting,
    end_channels,
    end_locks,
    end_tables,
    deallocate,   // name, or "all"
    reset,        // name: a parameter that pgweir keeps for its client, or "all"
    discard_all,  // no transaction may be open
  };
  Kind kind = Kind::proof;
  std::uint32_t request = 0;
  int count = 1;
  int size = 0;
  std::string name = {};
  std::string value = {};
  bool shared = false;  // its text is without a tag: others say the same

  bool ends_transaction() const { return kind == Kind::commit || kind == Kind::rollback; }
  // What would be missed on another server.
  bool keeps_state() const {
    return kind == Kind::keep_channel || kind == Kind::keep_lock || kind == Kind::keep_table;
  }
  // What no standby does.
  bool writes() const {
    return copies_in() || kind == Kind::insert || kind == Kind::create_table ||
           kind == Kind::notify || kind == Kind::keep_channel || kind == Kind::keep_table;
  }
  bool copies_in() const {
    return kind == Kind::copy_in || kind == Kind::copy_abort || kind == Kind::copy_refused;
  }
};

// "/*c3 r17*/": of whom, and for what.
std::string tag_of(const Ask& ask, std::uint32_t client);
// "/*c3 r17*/ proof 2".
std::string sql_of(const Ask& ask, std::uint32_t client);

// What one message is answered with.
struct Owed {
  enum class What : std::uint8_t {
    query,
    parse,
    prepare,  // a Parse with a name
    bind,
    describe,
    describe_statement,
    execute,
    close,
    sync
  };
  What what;
  std::vector<Ask> asks;     // of a query all its statements, else the one
  int row_count_max = 0;     // of an execute; 0: all
  bool before_data = false;  // a Sync that is said before the data of a copy
  std::string name = {};     // of the statement it is about; an execute: of its portal's
  std::uint64_t number = 0;  // of all that is owed to this client, in its order
};

std::string name_of(Owed::What what);

// A piece of a conversation: bytes said at once, and what is owed for them.
struct Part {
  enum class When : std::uint8_t {
    answered,       // everything before has been answered
    at_once,        // right behind what was said before
    copy_asked_for  // when the server has asked for the data, or everything is answered without it
  };
  When when = When::answered;
  std::uint32_t think_ms = 0;  // before it is said
  std::string bytes;
  std::vector<Owed> owed;
  bool cancelled = false;  // a cancel of it is sent from another connection
  std::uint32_t cancel_after_ms = 0;
};

}  // namespace pgweir::sim
